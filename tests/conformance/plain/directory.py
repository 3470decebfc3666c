"""Directories: D1 to D8, and which may follow which."""

import base64
import binascii
import hashlib
import ipaddress
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.plain import certificates, cms, der, names, signatures
from tests.conformance.plain.certificates import Certificate
from tests.conformance.plain.refusal import Refused, expect

_DIRECTORY = "1.3.6.1.4.1.32473.4.1.3"
_LONGEST = timedelta(days=30)
_SKEW = timedelta(seconds=300)
_URL = re.compile(r"https://(?:\[([^]]*)\]|([^:/\[]*))(?::([0-9]{1,5}))?(?:/[!-~]*)?")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True)
class Authority:
    """An entry."""

    owner: str
    region: str
    id: bytes
    roots: list[Certificate]
    subordinates: list[bytes]
    has_server: bool


@dataclass(frozen=True)
class Directory:
    """What a publisher says."""

    context: str
    sequence: int
    hash: bytes
    authorities: list[Authority]
    distrust: list[tuple[bytes, datetime]]
    publishers: list[Certificate]

    @property
    def roots(self) -> list[Certificate]:
        """The roots of all entries, in their order."""
        return [root for entry in self.authorities for root in entry.roots]

    def find(self, authority: bytes) -> Authority | None:
        """Return the entry of a VA id."""
        return next((entry for entry in self.authorities if entry.id == authority), None)

    def distrusts(self, found: Sequence[Certificate], now: datetime) -> bool:
        """Tell whether one of these CAs is distrusted by now (D7)."""
        keys = [each.key_hash for each in found]
        return any(key in keys and since <= now for key, since in self.distrust)

    def owners(self, key: bytes) -> set[str]:
        """Return the owner groups that list a CA's key."""
        return {entry.owner for entry in self.authorities if key in _keys(entry)}


def _keys(entry: Authority) -> list[bytes]:
    return [*(root.key_hash for root in entry.roots), *entry.subordinates]


def parse(octets: bytes, pins: Sequence[Certificate] | None, now: datetime | None) -> Directory:
    """Return the directory that one of the pinned keys signed; without pins, of whoever signed it."""
    signed = cms.parse(octets, _DIRECTORY)
    expect(not signed.responses, "crls in a directory")
    if pins is not None:
        pinned = signed.certificate.key_hash in {pin.key_hash for pin in pins}
        expect(pinned, "signed by a key that is not pinned", "directory-untrusted")
    expect(signed.certificate.key.for_signing, "a publisher's key that K3 does not have")
    expect(signed.holds(), "its signature does not hold", "bad-signature")
    document = _Members(_load(signed.content))
    expect(document.integer("version") == 1, "version")
    issued, expires, context = document.time("issued"), document.time("expires"), document.text("context")
    directory = Directory(
        context=context,
        sequence=document.integer("sequence"),
        hash=hashlib.sha256(signed.content).digest(),
        authorities=[_authority(each) for each in document.objects("authorities", 1024)],
        distrust=[_distrust(each) for each in document.objects("distrust")],
        publishers=document.certificates("publishers", 2),
    )
    expect(re.fullmatch("[A-Z0-9-]{1,32}", context), "context")
    expect(1 <= directory.sequence <= issued.timestamp(), "a sequence above its time of issue")
    expect(issued < expires, "it expires before it is issued")
    expect(expires - issued <= _LONGEST, "it lasts longer than 30 days")
    ids = [entry.id for entry in directory.authorities]
    expect(len(set(ids)) == len(ids), "an id twice")
    if now is not None:
        expect(issued <= now + _SKEW, "issued in the future", "directory-not-yet-valid")
        expect(now < expires, "expired", "directory-expired")
    return directory


def accept(
    history: Sequence[bytes],
    octets: bytes,
    pins: Sequence[Certificate],
    now: datetime,
    *,
    former: Sequence[Certificate] = (),
) -> None:
    """Take a directory after those of the history, in their order, which came under the `former` pins; D1 to D4."""
    first, pins = pins, former or pins
    anew = {pin.key_hash for pin in first} != {pin.key_hash for pin in pins}
    last, newest = b"", {}
    for place, each in enumerate((*history, octets)):
        moment = now if place == len(history) else None
        if moment and anew:
            last, pins = b"", first
        if each == last:
            parse(each, None, moment)
            continue
        directory = parse(each, pins, moment)
        sequence, known = newest.get(directory.context, (0, b""))
        expect(directory.sequence >= sequence, "an older one", "directory-rollback")
        same = directory.sequence != sequence or directory.hash == known
        expect(same, "another of this number", "directory-equivocation")
        newest[directory.context] = (directory.sequence, directory.hash)
        pins = directory.publishers or pins
        last = each


def _authority(members: "_Members") -> Authority:
    members.text("name")
    roots = members.certificates("roots")
    entry = Authority(
        owner=members.text("ownerGroup"),
        region=members.text("region"),
        id=members.hex(members.take("id"), 8),
        roots=roots,
        subordinates=[members.hex(each, 32) for each in members.several("subordinates")],
        has_server=bool([_check_server(each) for each in members.objects("servers")]),
    )
    expect(entry.id in {root.key_hash[:8] for root in roots}, "an id of none of its roots")
    if "mail" in members.values:
        mail = _Members(members.take("mail"))
        mail.text("sender")
        certificate = mail.certificate(mail.take("certificate"))
        expect(certificate.key.for_signing, "a mail certificate's key that K3 does not have")
    if "reportKey" in members.values:
        key = signatures.key(der.read(members.octets(members.take("reportKey"))))
        expect(key.for_signing, "a report key that K3 does not have")
    return entry


def _check_server(members: "_Members") -> None:
    members.certificates("roots")
    found = _URL.fullmatch(members.text("url"))
    expect(found, "no https URL")
    literal, host, port = found.groups()
    expect(1 <= int(port or 443) <= 65535, "no port")
    if literal is not None:
        expect(_is_address(ipaddress.IPv6Address, literal), "no IPv6 address")
    else:
        expect(_is_address(ipaddress.IPv4Address, host) or names.is_host_name(host.lower()), "no host")


def _is_address(kind: type, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _distrust(members: "_Members") -> tuple[bytes, datetime]:
    members.text("reason")
    return members.hex(members.take("spki"), 32), members.time("time")


def _load(content: bytes) -> Any:
    """Read JSON as RFC 8259 has it, in UTF-8, no member twice."""
    try:
        return json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=der.fail)
    except (ValueError, RecursionError) as error:
        raise Refused("malformed", "no JSON") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    expect(len(dict(pairs)) == len(pairs), "a member twice")
    return dict(pairs)


class _Members:
    """The members of an object, by name and type; others are ignored (D8)."""

    def __init__(self, value: Any) -> None:
        expect(isinstance(value, dict), "no object")
        self.values = value

    def take(self, name: str) -> Any:
        expect(name in self.values, f"{name} is missing")
        return self.values[name]

    def integer(self, name: str) -> int:
        value = self.take(name)
        expect(type(value) is int, f"{name} is no integer")
        return value

    def text(self, name: str) -> str:
        value = self.take(name)
        expect(isinstance(value, str) and 1 <= len(value) <= 200, f"{name} is no text of 1 to 200 characters")
        expect(not any(_invisible(each) for each in value), f"{name} has characters that do not show")
        return value

    def time(self, name: str) -> datetime:
        text = self.text(name)
        expect(re.fullmatch("[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z", text), f"{name} is no time")
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise Refused("malformed", f"{name} is no such moment") from error

    def several(self, name: str, most: int = 4096) -> list[Any]:
        value = self.take(name)
        expect(isinstance(value, list) and len(value) <= most, f"{name} is no list, or too long")
        return value

    def objects(self, name: str, most: int = 4096) -> list["_Members"]:
        return [_Members(each) for each in self.several(name, most)]

    def octets(self, value: Any) -> bytes:
        expect(isinstance(value, str), "no base64")
        try:
            octets = base64.b64decode(value.encode(), validate=True)
        except binascii.Error as error:
            raise Refused("malformed", "no base64") from error
        expect(base64.b64encode(octets).decode() == value, "base64 that is written otherwise")
        return octets

    def hex(self, value: Any, size: int) -> bytes:
        expect(isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value), "no hexadecimal of this size")
        return bytes.fromhex(value)

    def certificate(self, value: Any) -> Certificate:
        return certificates.load(self.octets(value))

    def certificates(self, name: str, most: int = 4096) -> list[Certificate]:
        return [self.certificate(each) for each in self.several(name, most)]


def _invisible(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind in _INVISIBLE or (kind == "Zs" and character != " ")
