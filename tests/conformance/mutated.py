"""Octets with one fault more, drawn by a seeded chance: anywhere, or at one value of DER whose others stay whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

_OCTET_STRING: Final = 0x04
_CONSTRUCTED: Final = 0x20
_DEEPEST: Final = 40  # nested values
_LONG_FORM: Final = 0x80
_TAGS: Final = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31, 0x80, 0xA0, 0xA1)


@dataclass
class _Value:
    """One value of DER; `inside` are those that it holds, in an OCTET STRING too, `content` its octets otherwise."""

    tag: int
    content: bytes
    inside: list["_Value"] = field(default_factory=list)
    padded: int = 0  # octets of zero in front of its length
    off: int = 0  # by which its length is wrong

    def octets(self) -> bytes:
        content = b"".join(each.octets() for each in self.inside) if self.inside else self.content
        size = max(len(content) + self.off, 0)
        if size < _LONG_FORM and not self.padded:
            return bytes([self.tag, size]) + content
        length = bytes(self.padded) + size.to_bytes((size.bit_length() + 7) // 8 or 1)
        return bytes([self.tag, _LONG_FORM | len(length)]) + length + content


def mutated(octets: bytes, chance: Random) -> bytes:
    """Return the octets with one fault."""
    while (made := _with_a_fault(octets, chance)) == octets:  # two values alike have changed places, say
        pass
    return made


def _with_a_fault(octets: bytes, chance: Random) -> bytes:
    values = _read(octets)
    if not values or chance.randrange(4) == 0:
        return chance.choice(_RAW)(octets, chance)
    siblings, at = chance.choice(list(_places(values)))
    chance.choice(_INSIDE)(siblings, at, chance)
    return b"".join(value.octets() for value in values)


def _flip(octets: bytes, chance: Random) -> bytes:
    if not octets:
        return b"\0"
    at = chance.randrange(len(octets))
    return octets[:at] + bytes([octets[at] ^ 1 << chance.randrange(8)]) + octets[at + 1 :]


def _cut(octets: bytes, chance: Random) -> bytes:
    return octets[: chance.randrange(len(octets) + 1)]


def _append(octets: bytes, chance: Random) -> bytes:
    return octets + chance.randbytes(chance.randrange(1, 5))


def _repeat(octets: bytes, chance: Random) -> bytes:
    """Double some octets, or leave them out."""
    first = chance.randrange(len(octets) + 1)
    last = min(first + chance.randrange(1, 40), len(octets))
    return octets[:last] + octets[chance.choice((first, last, last + 1)) :]


_RAW: Final[Sequence[Callable[[bytes, Random], bytes]]] = (_flip, _cut, _append, _repeat)


def _double(siblings: list[_Value], at: int, _chance: Random) -> None:
    siblings.insert(at, siblings[at])


def _drop(siblings: list[_Value], at: int, _chance: Random) -> None:
    del siblings[at]


def _swap(siblings: list[_Value], at: int, chance: Random) -> None:
    other = chance.randrange(len(siblings))
    siblings[at], siblings[other] = siblings[other], siblings[at]


def _retag(siblings: list[_Value], at: int, chance: Random) -> None:
    siblings[at].tag = chance.choice(_TAGS)


def _change(siblings: list[_Value], at: int, chance: Random) -> None:
    value = siblings[at]
    value.content = chance.choice(_RAW)(b"".join(each.octets() for each in value.inside) or value.content, chance)
    value.inside = []


def _empty(siblings: list[_Value], at: int, _chance: Random) -> None:
    siblings[at].inside, siblings[at].content = [], b""


def _pad_length(siblings: list[_Value], at: int, _chance: Random) -> None:
    siblings[at].padded = 1


def _miscount(siblings: list[_Value], at: int, chance: Random) -> None:
    siblings[at].off = chance.choice((-1, 1, 200))


def _wrap(siblings: list[_Value], at: int, chance: Random) -> None:
    siblings[at] = _Value(chance.choice(_TAGS) | _CONSTRUCTED, b"", [siblings[at]])


_INSIDE: Final[Sequence[Callable[[list[_Value], int, Random], None]]] = (
    _double,
    _drop,
    _swap,
    _retag,
    _change,
    _change,
    _empty,
    _pad_length,
    _miscount,
    _wrap,
)


def _places(values: list[_Value]) -> Iterator[tuple[list[_Value], int]]:
    for at, value in enumerate(values):
        yield values, at
        yield from _places(value.inside)


def _read(octets: bytes, depth: int = 0) -> list[_Value] | None:
    """Return the values that the octets are, one after the other, or None."""
    found: list[_Value] = []
    while octets:
        if len(octets) < 2 or depth > _DEEPEST:
            return None
        start, size = 2, octets[1]
        if size & _LONG_FORM:
            start += size & ~_LONG_FORM
            size = int.from_bytes(octets[2:start])
        content = octets[start : start + size]
        value = _Value(octets[0], content)
        if value.tag & _CONSTRUCTED or value.tag == _OCTET_STRING:
            value.inside = _read(content, depth + 1) or []
        if value.octets() != octets[: start + size]:
            return None
        found.append(value)
        octets = octets[start + size :]
    return found
