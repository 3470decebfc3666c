"""Strict JSON: no duplicate members, each member taken by its type, every fault named by its path (RFC 8259)."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeVar

from cryptography import x509

from mecai.errors import Malformed
from mecai.protocol.pki import certificates

TIME: Final = "%Y-%m-%dT%H:%M:%SZ"  # RFC 3339, always UTC, whole seconds
_MAX_TEXT: Final = 200
_MAX_ITEMS: Final = 4096

Value = TypeVar("Value")


def load(content: bytes, what: str) -> object:
    """Parse UTF-8 JSON; raises `Malformed` naming `what` it should have been."""
    try:
        value: object = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what}: no strict JSON ({error})") from error
    return value


def dump(value: object) -> bytes:
    """Return a value as JSON, the same octets for the same value: without spaces, its members in order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


class Members:
    """The members of one JSON object, each taken by its type; those that nobody takes are ignored.

    `where` is the object's path, for messages. Every method raises `Malformed`.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(f"{where}: expected a JSON object")
        self.where = where
        self._members: dict[str, object] = dict(value)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def integer(self, name: str) -> int:
        """Take an integer (a JSON true is none)."""
        value = self._take(name)
        if type(value) is not int:
            raise self._fault(name, "an integer")
        return value

    def boolean(self, name: str) -> bool:
        """Take true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._fault(name, "true or false")
        return value

    def text(self, name: str, longest: int = _MAX_TEXT) -> str:
        """Take a string of 1..200 printable characters, or of so many as the longest."""
        value = self._take(name)
        if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
            raise self._fault(name, f"a text of 1..{longest} printable characters")
        return value

    def time(self, name: str) -> datetime:
        """Take a time such as 2026-03-02T12:00:00Z."""
        text = self.text(name)
        try:
            moment = datetime.strptime(text, TIME).replace(tzinfo=UTC)
        except ValueError as error:
            raise self._fault(name, "a time such as 2026-03-02T12:00:00Z") from error
        if moment.strftime(TIME) != text:
            raise self._fault(name, "a time such as 2026-03-02T12:00:00Z")
        return moment

    def octets(self, name: str) -> bytes:
        """Take base64 (RFC 4648 section 4, padded)."""
        return self._octets(self._take(name), name)

    def hex(self, name: str, size: int) -> bytes:
        """Take `size` octets in lower-case hex."""
        return self._hex(self._take(name), name, size)

    def hexes(self, name: str, size: int) -> tuple[bytes, ...]:
        """Take a list of values of `size` octets in lower-case hex."""
        return tuple(self._hex(value, name, size) for value in self._list(name))

    def certificate(self, name: str) -> x509.Certificate:
        """Take one certificate, base64 of its DER."""
        return self._certificate(self._take(name), name)

    def certificates(self, name: str) -> tuple[x509.Certificate, ...]:
        """Take a list of certificates, base64 of their DER."""
        return tuple(self._certificate(value, name) for value in self._list(name))

    def members(self, name: str) -> "Members":
        """Take one nested object."""
        return Members(self._take(name), f"{self.where}.{name}")

    def objects(self, name: str, decode: Callable[["Members"], Value]) -> tuple[Value, ...]:
        """Take a list of nested objects, each decoded."""
        return tuple(
            decode(Members(value, f"{self.where}.{name}[{index}]")) for index, value in enumerate(self._list(name))
        )

    def _take(self, name: str) -> object:
        if name not in self._members:
            raise Malformed(f"{self.where}: member {name!r} is missing")
        return self._members[name]

    def _list(self, name: str) -> list[object]:
        value = self._take(name)
        if not isinstance(value, list) or len(value) > _MAX_ITEMS:
            raise self._fault(name, f"a list of at most {_MAX_ITEMS} items")
        return value

    def _octets(self, value: object, name: str) -> bytes:
        try:
            octets = base64.b64decode(str(value), validate=True)
        except ValueError as error:  # no base64, or not even ASCII: JSON has strings that no UTF-8 has
            raise self._fault(name, "base64") from error
        if not isinstance(value, str) or base64.b64encode(octets).decode() != value:
            raise self._fault(name, "base64")
        return octets

    def _hex(self, value: object, name: str, size: int) -> bytes:
        try:
            octets = bytes.fromhex(str(value))
        except ValueError as error:
            raise self._fault(name, f"{size} octets in hex") from error
        if len(octets) != size or octets.hex() != value:
            raise self._fault(name, f"{size} octets in lower-case hex")
        return octets

    def _certificate(self, value: object, name: str) -> x509.Certificate:
        return certificates.load(self._octets(value, name), f"{self.where}.{name}")

    def _fault(self, name: str, expected: str) -> Malformed:
        return Malformed(f"{self.where}.{name}: expected {expected}")
