"""Integers and vectors in the notation of TLS (RFC 8446 section 3)."""

from typing import Final

from mecai.errors import Malformed

RULE: Final = "T4"  # of docs/spec, under which both extensions must parse


class Reader:
    """Takes integers and vectors off the front of some octets; raises `Malformed` (decode_error) where they end."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        """Take `count` octets."""
        if count > len(self.left):
            raise Malformed(f"decode_error: {count} octets expected, {len(self.left)} left")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def uint8(self) -> int:
        """Take an integer of one octet."""
        return self.take(1)[0]

    def vector8(self) -> bytes:
        """Take a vector whose length has one octet."""
        return self.take(self.uint8())

    def vector16(self) -> bytes:
        """Take a vector whose length has two octets."""
        return self.take(int.from_bytes(self.take(2)))

    def end(self) -> None:
        """Refuse anything that is left."""
        if self.left:
            raise Malformed(f"decode_error: {len(self.left)} trailing octets")


def split(data: bytes, size: int, counts: range) -> tuple[bytes, ...]:
    """Return the items of `size` octets each; raises `Malformed` unless their number is in `counts`."""
    if len(data) % size or len(data) // size not in counts:
        raise Malformed(f"decode_error: {len(data)} octets, expected {counts[0]}..{counts[-1]} times {size}")
    return tuple(data[start : start + size] for start in range(0, len(data), size))
