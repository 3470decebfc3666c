"""BER as a tree of values with the place of each in the octets, and a note of whatever is no DER (rules I6 and I7).

Read with asn1crypto, which takes BER, so that two readers that share no code look at the same octets.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from asn1crypto import parser

BOOLEAN, INTEGER, OCTETS, OID, ENUMERATED, SEQUENCE, SET, PRINTABLE, UTC, TIME = 1, 2, 4, 6, 10, 16, 17, 19, 23, 24
FIRST, SECOND = 0x80, 0x81  # context-specific [0] and [1]
_CONTEXT: Final = 0x80
_DEEPEST: Final = 64  # nested values
_DER_TIME: Final = {UTC: re.compile(rb"\d{12}Z"), TIME: re.compile(rb"\d{14}Z")}


_OID: Final = re.compile(rb"([\x00-\x7f]|[\x81-\xff][\x80-\xff]*[\x00-\x7f])+")


class UnreadableError(ValueError):
    """Octets that no reader of BER takes; the message says where and why."""


@dataclass(frozen=True, order=True)
class Part:
    """Where something is not as a rule has it: the place in the octets, the rule, and what is there."""

    offset: int
    rule: str
    what: str


@dataclass(frozen=True)
class Node:
    """One value. `tag` is its number, with 0x80 for a context-specific one."""

    offset: int
    tag: int
    constructed: bool
    octets: bytes = field(repr=False)  # header and content
    content: bytes = field(repr=False)
    children: tuple["Node", ...] = field(repr=False)

    def walk(self) -> Iterator["Node"]:
        """Give this value and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def read(octets: bytes, offset: int, parts: list[Part]) -> Node:
    """Return the value at the beginning of `octets`, which stand at `offset`; notes what is no DER in `parts`.

    Raises `UnreadableError`.
    """
    node = _read(octets, offset, parts, 0)
    if len(node.octets) < len(octets):
        left = len(octets) - len(node.octets)
        parts.append(Part(offset + len(node.octets), "I6", f"{left} octets after the end"))
    return node


def _read(octets: bytes, offset: int, parts: list[Part], depth: int) -> Node:
    if depth > _DEEPEST:
        raise UnreadableError(f"octet {offset}: nested more than {_DEEPEST} deep")
    try:
        kind, method, number, header, content, trailer = parser.parse(octets)
    except ValueError as error:
        raise UnreadableError(f"octet {offset}: {error}") from error
    size = len(header) + len(content) + len(trailer)
    tag = number if kind == 0 else _CONTEXT | number
    if trailer:
        parts.append(Part(offset, "I6", "a length that is not said (indefinite)"))
    elif parser.emit(kind, method, number, content) != octets[:size]:
        parts.append(Part(offset, "I6", "a length in more octets than it needs"))
    children: list[Node] = []
    place = offset + len(header)
    while method and content[place - offset - len(header) :]:
        try:
            child = _read(content[place - offset - len(header) :], place, parts, depth + 1)
        except UnreadableError as error:
            parts.append(Part(place, "I6", str(error)))
            break
        children.append(child)
        place += len(child.octets)
    node = Node(offset, tag, bool(method), octets[:size], content, tuple(children))
    parts.extend(Part(offset, rule, what) for rule, what in _faults(node))
    return node


def _faults(node: Node) -> Iterator[tuple[str, str]]:
    """Say what is no DER in one value."""
    content = node.content
    if node.tag == BOOLEAN and content not in {b"\0", b"\xff"}:
        yield "I6", f"a BOOLEAN of {content.hex() or 'no octet'}"
    if node.tag in {INTEGER, ENUMERATED} and _padded(content):
        yield "I6", "an INTEGER of no octet, or with one that it does not need"
    if node.tag == OID and not _OID.fullmatch(content):
        yield "I6", "an OBJECT IDENTIFIER with an arc that does not end, or has an octet that it does not need"
    if node.tag in {OCTETS, UTC, TIME} and node.constructed:
        yield "I6", "a string in pieces"
    elif (form := _DER_TIME.get(node.tag)) and not form.fullmatch(content):
        yield "I7", f"a time written as {content.decode('ascii', 'replace')!r}"
    if node.tag == SET and not in_order(node):
        yield "I6", "a SET out of order"


def in_order(node: Node) -> bool:
    """Say whether the values inside stand as those of a SET OF do (X.690 section 11.6)."""
    encoded = [each.octets for each in node.children]
    return encoded == sorted(encoded)


def _padded(content: bytes) -> bool:
    sign = b"\xff" if content[1:2] >= b"\x80" else b"\0"
    return not content or (len(content) > 1 and content[:1] == sign)
