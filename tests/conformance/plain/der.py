"""DER, strictly (I6, X.690 sections 8 to 11): what another encoder could have written otherwise is refused."""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NoReturn

from asn1crypto import parser

from tests.conformance.plain.refusal import Refused, expect

BOOLEAN, INTEGER, BITS, OCTETS, NULL, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
UTF8, PRINTABLE, IA5, UTC_TIME, TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
_STRINGS = (UTF8, PRINTABLE, IA5)
_DEPTH = 32  # values inside each other; what is read here needs less


@dataclass(frozen=True)
class Value:
    """One value: `tag` is the identifier octet, `raw` the whole encoding."""

    tag: int
    content: bytes
    raw: bytes

    @cached_property
    def items(self) -> list["Value"]:
        """The values inside."""
        found, rest = [], self.content
        while rest:
            value = _first(rest)
            found.append(value)
            rest = rest[len(value.raw) :]
        return found


def read(octets: bytes, opaque: Container[bytes] = ()) -> Value:
    """Return the one value that these octets are, checked to its leaves.

    What follows a name that is among the `opaque` ones (in DER) is taken as it stands.
    """
    value = _first(octets)
    expect(value.raw == octets, "octets after the value")
    _check(value, 0, opaque)
    return value


def _first(octets: bytes) -> Value:
    try:
        klass, method, tag, _, content, _ = parser.parse(octets)
        raw = octets[: parser.peek(octets)]
        encoded = parser.emit(klass, method, tag, content)
    except ValueError as error:
        raise Refused("malformed", "no BER at all") from error
    expect(raw == encoded, "its DER encoding is another")
    expect(tag < 31, "a tag of more than one octet")
    return Value(octets[0], content, raw)


def _check(value: Value, depth: int, opaque: Container[bytes]) -> None:
    expect(depth < _DEPTH, "nested too deep")
    content = value.content
    if value.tag & 0x20:
        expect(value.tag >= 0x80 or value.tag in {SEQUENCE, SET}, "a constructed string")
        for place, item in enumerate(value.items):
            if not (place == 1 and value.items[0].raw in opaque):
                _check(item, depth + 1, opaque)
    expect(value.tag not in {0x10, 0x11}, "a primitive SEQUENCE or SET")
    if value.tag == BOOLEAN:
        expect(content in {b"\x00", b"\xff"}, "a BOOLEAN of another octet than 00 or FF")
    if value.tag in {INTEGER, ENUMERATED}:
        expect(content, "an empty INTEGER")
        expect(len(content) == 1 or content[:1] != b"\x00" or content[1] >= 0x80, "an INTEGER with a needless zero")
        expect(len(content) == 1 or content[:1] != b"\xff" or content[1] < 0x80, "an INTEGER with a needless FF")
    if value.tag == NULL:
        expect(content == b"", "a NULL with content")
    if value.tag == OID:
        expect(content and content[-1] < 0x80, "an OBJECT IDENTIFIER that ends in an arc")
        arcs = re.split(rb"(?<=[\x00-\x7f])", content)
        expect(all(arc[:1] != b"\x80" for arc in arcs), "an OBJECT IDENTIFIER with a padded arc")
    if value.tag == BITS:
        expect(content and content[0] < 8, "a BIT STRING without its first octet")
        expect(len(content) > 1 or content[0] == 0, "unused bits of nothing")
        expect(content[-1] & ((1 << content[0]) - 1) == 0 or len(content) == 1, "unused bits that are set")
    if value.tag == SET:
        check_order(value)


def check_order(value: Value) -> None:
    """Refuse an unsorted SET OF (X.690 section 11.6); only its reader can tell one with an implicit tag."""
    encodings = [item.raw for item in value.items]
    expect(encodings == sorted(encodings), "a SET OF in another order")


class Fields:
    """The items of a SEQUENCE, taken one after the other; `end` refuses what is left."""

    def __init__(self, value: Value, tag: int = SEQUENCE) -> None:
        expect(value.tag == tag, f"tag {value.tag:02x}, expected {tag:02x}")
        self._left = list(value.items)

    def take(self, *tags: int) -> Value:
        """Return the next item, which has one of these tags; without tags, any."""
        expect(self._left, "a field is missing")
        expect(not tags or self._left[0].tag in tags, "a field of another type")
        return self._left.pop(0)

    def maybe(self, tag: int) -> Value | None:
        """Return the next item if it has this tag."""
        return self._left.pop(0) if self._left and self._left[0].tag == tag else None

    def end(self) -> None:
        """Refuse further items."""
        expect(not self._left, "a field too many")


def inside(value: Value) -> Value:
    """Return the one value inside an explicit tag."""
    expect(len(value.items) == 1, "not one value inside a tag")
    return value.items[0]


def integer(value: Value) -> int:
    """Return an INTEGER."""
    expect(value.tag == INTEGER, "no INTEGER")
    return int.from_bytes(value.content, signed=True)


def enumerated(value: Value) -> int:
    """Return an ENUMERATED of one octet."""
    expect(value.tag == ENUMERATED and len(value.content) == 1, "no ENUMERATED")
    return value.content[0]


def boolean(value: Value) -> bool:
    """Return a BOOLEAN."""
    expect(value.tag == BOOLEAN, "no BOOLEAN")
    return value.content == b"\xff"


def octets(value: Value) -> bytes:
    """Return an OCTET STRING."""
    expect(value.tag == OCTETS, "no OCTET STRING")
    return value.content


def bits(value: Value) -> bytes:
    """Return a BIT STRING of whole octets."""
    expect(value.tag == BITS and value.content[:1] == b"\x00", "no BIT STRING of whole octets")
    return value.content[1:]


def oid(value: Value) -> str:
    """Return an OBJECT IDENTIFIER in its dotted form."""
    expect(value.tag == OID, "no OBJECT IDENTIFIER")
    numbers, number = [], 0
    for octet in value.content:
        number = number << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def time(value: Value) -> datetime:
    """Return a GeneralizedTime in the one form of I7."""
    expect(value.tag == TIME, "no GeneralizedTime")
    expect(re.fullmatch(rb"[0-9]{14}Z", value.content), "a time in another form")
    return _moment(value.content.decode())


def certificate_time(value: Value) -> datetime:
    """Return a time of a certificate (RFC 5280 section 4.1.2.5): UTCTime through 2049."""
    if value.tag == TIME:
        moment = time(value)
        expect(moment.year >= 2050, "a GeneralizedTime before 2050")
        return moment
    expect(value.tag == UTC_TIME and re.fullmatch(rb"[0-9]{12}Z", value.content), "no UTCTime")
    century = "19" if value.content >= b"5" else "20"
    return _moment(century + value.content.decode())


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused("malformed", "no such moment") from error


def list_of(value: Value, read_item: Callable[[Value], object], least: int, most: int) -> list:
    """Return a SEQUENCE OF this many items."""
    expect(value.tag == SEQUENCE, "no SEQUENCE")
    expect(least <= len(value.items) <= most, f"{len(value.items)} items, expected {least} to {most}")
    return [read_item(item) for item in value.items]


def fail(detail: str) -> NoReturn:
    """Refuse."""
    raise Refused("malformed", detail)
