"""A voucher as it lies there, whatever is wrong with it: the fields of VoucherInfo, and each rule that they break."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asn1crypto.core import OctetString

from mecai.cli.lenient import envelope
from mecai.cli.lenient.algorithms import dotted
from mecai.cli.lenient.tree import (
    BOOLEAN,
    ENUMERATED,
    FIRST,
    INTEGER,
    OCTETS,
    PRINTABLE,
    SEQUENCE,
    TIME,
    Node,
    Part,
    UnreadableError,
    read,
)
from mecai.protocol.pki.identity import address_text
from mecai.service.printable import one_line

_METHODS: Final = {0: "ocsp", 1: "crl", 2: "shortLived"}
_CONTEXT: Final = re.compile(rb"[A-Z0-9-]+")
_ADDRESSES: Final = (4, 16)  # octets
_HASH: Final = 32  # octets
_MOST_EXTENSIONS: Final = 16
_IPV4_MAPPED: Final = bytes(10) + b"\xff\xff"


@dataclass(frozen=True)
class Reading:
    """What a lenient reader finds: fields by the names of the specification, and where they break a rule.

    `places` are the offsets of the fields, and of what stands around them.
    """

    fields: dict[str, object]
    parts: tuple[Part, ...]
    places: dict[str, int]


def read_leniently(octets: bytes) -> Reading:
    """Return what can be read; raises `UnreadableError` where no VoucherInfo is found."""
    parts: list[Part] = []
    found = envelope.read_envelope(octets, parts)
    info = read(found.content, found.offset, parts)
    if len(info.children) < len(_FIELDS):
        raise UnreadableError(f"octet {info.offset}: a VoucherInfo of {len(info.children)} fields")
    fields: dict[str, object] = {}
    for each, node in zip(_FIELDS, info.children, strict=False):
        try:
            fields[each.name] = each.value(node)
            parts.extend(Part(node.offset, each.rule, what) for what in each.all_faults(node, fields[each.name]))
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            fields[each.name] = node.octets.hex()
            parts.append(Part(node.offset, each.rule, f"{each.name} cannot be read ({one_line(str(error))})"))
    parts.extend(_extensions(info.children[len(_FIELDS) :]))
    places = {each.name: node.offset for each, node in zip(_FIELDS, info.children, strict=False)}
    parts.extend(_contradictions(fields, places))
    parts.extend(_strangers(found.responses, info.children[len(_FIELDS) - 1]))
    return Reading(fields, tuple(sorted(set(parts))), found.places | places)


def _integer(node: Node) -> int:
    return int.from_bytes(node.content, signed=True)


def _serial(node: Node) -> str:
    return f"{_integer(node):x}"


def _hex(node: Node) -> str:
    return bytes(OctetString.load(node.octets)).hex()


def _boolean(node: Node) -> bool:
    return node.content != b"\0"


def _text(node: Node) -> str:
    return node.content.decode("ascii")


def _moment(node: Node) -> str:
    return datetime.strptime(node.content[:14].decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC).isoformat()


def _address(node: Node) -> str:
    return address_text(node.content) if len(node.content) in _ADDRESSES else node.octets.hex()


def _several(read_one: Callable[[Node], object]) -> Callable[[Node], list[object]]:
    return lambda node: [read_one(child) for child in node.children]


def _evidence(node: Node) -> dict[str, object]:
    named, method, begin, end = node.children[:4]
    code = _integer(method)
    values = {"certificateHash": _hex(named), "method": _METHODS.get(code, str(code))}
    return {**values, "thisUpdate": _moment(begin), "nextUpdate": _moment(end)}


_Faults = Callable[[Node, Any], Iterator[str]]


def _within(low: int, high: int) -> _Faults:
    def faults(node: Node, value: object) -> Iterator[str]:
        if not low <= _integer(node) <= high:
            yield f"{value}, expected {low} to {high}"

    return faults


def _sized(size: int) -> _Faults:
    def faults(node: Node, _value: object) -> Iterator[str]:
        if len(node.content) != size:
            yield f"{len(node.content)} octets, expected {size}"

    return faults


def _counted(low: int, high: int, *sizes: int) -> _Faults:
    def faults(node: Node, value: Sequence[object]) -> Iterator[str]:
        if not low <= len(value) <= high:
            yield f"{len(value)} entries, expected {low} to {high}"
        if len(set(map(str, value))) != len(value):
            yield "an entry twice"
        for child in node.children:
            if sizes and len(child.content) not in sizes:
                yield f"octet {child.offset}: {len(child.content)} octets, expected {' or '.join(map(str, sizes))}"

    return faults


def _contexts(node: Node, value: Sequence[str]) -> Iterator[str]:
    yield from _counted(0, 32, *range(1, 33))(node, value)
    for child in node.children:
        if child.tag != PRINTABLE or not _CONTEXT.fullmatch(child.content):
            yield f"octet {child.offset}: a context of other characters or of another type"


def _addresses(node: Node, value: Sequence[object]) -> Iterator[str]:
    yield from _counted(1, 16, *_ADDRESSES)(node, value)
    for child in node.children:
        if child.content.startswith(_IPV4_MAPPED):
            yield f"octet {child.offset}: an IPv4 address in the form of IPv6 (I5)"


def _evidences(node: Node, value: Sequence[dict[str, object]]) -> Iterator[str]:
    yield from _counted(1, 9)(node, value)
    for child in node.children:
        yield from _entry(child)


def _entry(node: Node) -> Iterator[str]:
    if node.tag != SEQUENCE:
        yield f"octet {node.offset}: an entry with tag {node.tag:#04x}, expected {SEQUENCE:#04x}"
    _, method, begin, end, *digests = node.children
    if method.tag != ENUMERATED or _integer(method) not in _METHODS:
        yield f"octet {method.offset}: a method that there is not"
    if bool(digests) == (_integer(method) == 2):  # noqa: PLR2004 - shortLived
        yield f"octet {node.offset}: evidenceHash is for ocsp and crl, and for them it is there (E2)"
    for digest in digests:
        if len(digest.content) != _HASH:
            yield f"octet {digest.offset}: an evidenceHash of {len(digest.content)} octets, expected {_HASH}"
    if end.content <= begin.content:
        yield f"octet {end.offset}: nextUpdate is not after thisUpdate (E2)"


def _nothing(_node: Node, _value: object) -> Iterator[str]:
    return iter(())


def _contradictions(fields: dict[str, Any], places: dict[str, int]) -> Iterator[Part]:
    """Say where two fields do not go together."""
    if isinstance(fields["statusEvidence"], list) and isinstance(fields["intermediateHashes"], list):
        named = [each["certificateHash"] for each in fields["statusEvidence"]]
        if named != [fields["certificateHash"], *fields["intermediateHashes"]]:
            yield Part(
                places["statusEvidence"],
                "E1",
                "evidence for other certificates than the voucher's, or in another order",
            )
        if any(each["method"] == _METHODS[2] for each in fields["statusEvidence"][1:]):
            yield Part(places["statusEvidence"], "E5", "a short-lived intermediate")
    if fields["nextUpdate"] <= fields["thisUpdate"]:
        yield Part(places["nextUpdate"], "O11", "nextUpdate is not after thisUpdate")


def _strangers(responses: Sequence[Node], evidence: Node) -> Iterator[Part]:
    """Say where a second response stands that no entry names; the first is the authority's own."""
    named = {digest.content for entry in evidence.children for digest in entry.children[4:]}
    others = [each for each in responses if hashlib.sha256(each.octets).digest() not in named]
    for each in others[1:]:
        yield Part(each.offset, "O4", "a second OCSP response that no statusEvidence names")


def _extensions(rest: Sequence[Node]) -> Iterator[Part]:
    seen: set[bytes] = set()
    for node in rest:
        listed = [each for wrapped in node.children for each in wrapped.children]
        if node.tag != FIRST or [each.tag for each in node.children] != [SEQUENCE] or not listed:
            yield Part(node.offset, "O14", "what follows statusEvidence is no list of extensions")
        for extra in listed[_MOST_EXTENSIONS:]:
            yield Part(extra.offset, "O14", f"more than {_MOST_EXTENSIONS} extensions")
        for extension in listed:
            yield from _extension(extension, seen)


def _extension(node: Node, seen: set[bytes]) -> Iterator[Part]:
    if node.tag != SEQUENCE or len(node.children) != 3:  # noqa: PLR2004 - name, critical, value
        yield Part(node.offset, "O14", "no extension of name, critical and value")
        return
    name, critical, _ = node.children
    label = dotted(name)
    if name.octets in seen:
        yield Part(node.offset, "O14", f"an extension twice, {label}")
    seen.add(name.octets)
    if critical.content != b"\0":
        yield Part(node.offset, "O14", f"an unknown critical extension, {label}")


@dataclass(frozen=True)
class _Field:
    name: str
    rule: str
    tag: int
    value: Callable[[Node], object]
    faults: _Faults = _nothing

    def all_faults(self, node: Node, value: object) -> Iterator[str]:
        """Say what is wrong with the field."""
        if node.tag != self.tag:
            yield f"{self.name} with tag {node.tag:#04x}, expected {self.tag:#04x}"
        yield from self.faults(node, value)


_FIELDS: Final = (
    _Field("version", "O7", INTEGER, _integer, _within(1, 1)),
    _Field("authority", "O8", OCTETS, _hex, _sized(8)),
    _Field("serialNumber", "O8", INTEGER, _serial, _within(1, 2**128 - 1)),
    _Field("certificateHash", "O9", OCTETS, _hex, _sized(32)),
    _Field("intermediateHashes", "O9", SEQUENCE, _several(_hex), _counted(0, 8, 32)),
    _Field("addresses", "O10", SEQUENCE, _several(_address), _addresses),
    _Field("probedPort", "O10", INTEGER, _integer, _within(1, 1023)),
    _Field("thisUpdate", "O11", TIME, _moment),
    _Field("nextUpdate", "O11", TIME, _moment),
    _Field("trustContexts", "O12", SEQUENCE, _several(_text), _contexts),
    _Field("intermediatesMatched", "O13", BOOLEAN, _boolean),
    _Field("perspectives", "O13", INTEGER, _integer, _within(1, 255)),
    _Field("statusEvidence", "E1", SEQUENCE, _several(_evidence), _evidences),
)
