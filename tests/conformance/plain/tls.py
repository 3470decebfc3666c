"""The two TLS extensions (section 5)."""

import re
from dataclasses import dataclass

from tests.conformance.plain.refusal import expect

_LONGEST = 64_000  # octets of an answer


@dataclass
class _Reader:
    left: bytes

    def take(self, count: int) -> bytes:
        expect(count <= len(self.left), "it ends too soon", "decode_error")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def read_choice(octets: bytes) -> dict[str, object] | None:
    """Return what a voucher_request says, None where it is empty or of another version (T4, T5)."""
    if octets[:1] != b"\x01":
        return None
    reader = _Reader(octets[1:])
    quorum = reader.number(1)
    candidates = _split(reader.vector(1), 8, 1, 16)
    contexts = _contexts(reader.vector(1))
    cached = _split(reader.vector(2), 32, 0, 16)
    expect(not reader.left, "octets after it", "decode_error")
    expect(1 <= quorum <= len(candidates), "a quorum that cannot be", "illegal_parameter")
    expect(len(set(candidates)) == len(candidates), "a candidate twice", "illegal_parameter")
    right = all(re.fullmatch(b"[A-Z0-9-]+", each) for each in contexts)
    expect(right, "a context of other characters", "illegal_parameter")
    return {
        "quorum": quorum,
        "candidates": [each.hex() for each in candidates],
        "contexts": [each.decode() for each in contexts],
        "cached": [each.hex() for each in cached],
    }


def read_answer(octets: bytes) -> list[bytes]:
    """Return the vouchers of an answer (T7)."""
    outer = _Reader(octets)
    reader = _Reader(outer.vector(2))
    expect(not outer.left, "octets after it", "decode_error")
    expect(len(reader.left) <= _LONGEST, "more than 64,000 octets", "decode_error")
    found = []
    while reader.left:
        found.append(reader.vector(2))
        expect(found[-1], "an empty voucher", "decode_error")
    return found


def _split(octets: bytes, size: int, least: int, most: int) -> list[bytes]:
    expect(len(octets) % size == 0, "a part of an item", "decode_error")
    expect(least <= len(octets) // size <= most, "too few or too many", "decode_error")
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def _contexts(octets: bytes) -> list[bytes]:
    reader, found = _Reader(octets), []
    while reader.left:
        found.append(reader.vector(1))
        expect(1 <= len(found[-1]) <= 32, "a context of another length", "decode_error")
    return found
