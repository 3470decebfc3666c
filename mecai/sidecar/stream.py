"""The form in which vouchers and staples travel from the host that fetches them to the one that serves them.

    mecai-staples 1
    directory.der SIZE          then so many octets; the signed directory, at most once and first
    HEX/NAME SIZE               then so many octets; one file of the store, and so on
    end COUNT                   so many files, the directory among them

Every line ends with LF. Lines, sizes, number and time are bounded before anything is kept, and no name is ever a path.
Neither side waits for ever: who writes has a deadline, who reads has one for all and a nearer one for each file.
"""

import os
import re
import select
from collections.abc import Iterator
from typing import Final

from mecai.errors import HostError, Malformed
from mecai.protocol.limits import LIMITS
from mecai.service.deadline import Deadline
from mecai.sidecar.store import StapleKey
from mecai.sidecar.verdicts import LARGEST

MOST: Final = 100_000  # files of one delivery
LARGEST_ANSWER: Final = 16 * 1024 * 1024  # octets of what is said of it: 2,000 chains and more
FILE_SECONDS: Final = 60.0  # for the next file to come, or for the first line: whoever reads may keep others waiting
FIRST: Final = b"mecai-staples 1\n"
_LINE: Final = re.compile(
    r"(?P<name>directory\.der|(?P<hex>[0-9a-f]{64})/(?P<file>[0-9a-z.]{1,64})) (?P<size>[0-9]{1,8})"
)
_LONGEST_LINE: Final = 160
_CHUNK: Final = 64 * 1024
_PIECE: Final = select.PIPE_BUF  # octets: as many as a pipe that is ready takes without blocking

File = tuple[StapleKey | None, bytes]  # no key: the directory


def one(key: StapleKey | None, data: bytes) -> bytes:
    """Return a file as it travels."""
    return f"{key or 'directory.der'} {len(data)}\n".encode() + data


def last(count: int) -> bytes:
    """Return the end of a delivery of so many files."""
    return b"end %d\n" % count


def write(descriptor: int, octets: bytes, deadline: Deadline) -> None:
    """Write to a pipe, socket or file; raises `HostError` where it is not taken by the deadline, and `OSError`."""
    rest = memoryview(octets)
    while rest:
        left = deadline.left()
        _, ready, _ = select.select([], [descriptor], [], left)
        if not ready or not left:
            raise HostError("delivery: is not taken in time")
        rest = rest[os.write(descriptor, rest[:_PIECE]) :]


def answer(descriptor: int, deadline: Deadline) -> bytes:
    """Return what the other side says until it ends; raises `HostError` at the deadline, `Malformed` for too much."""
    said = b""
    while len(said) <= LARGEST_ANSWER:
        left = deadline.left()
        ready, _, _ = select.select([descriptor], [], [], left)
        if not ready or not left:
            raise HostError("delivery: nobody says in time what was taken")
        if not (chunk := os.read(descriptor, _CHUNK)):
            return said
        said += chunk
    raise Malformed(f"delivery: an answer of more than {LARGEST_ANSWER} octets")


def files_of(descriptor: int, deadline: Deadline) -> Iterator[File]:
    """Yield the files of a delivery as they come, each within `FILE_SECONDS`.

    Raises `Malformed`, and `HostError` at either deadline.
    """
    reader = _Reader(descriptor, deadline)
    if reader.line() + b"\n" != FIRST:
        raise Malformed("delivery: does not begin as one")
    for count in range(MOST + 1):
        reader.begin()
        line = reader.line()
        if line == b"end %d" % count:
            return
        found = _LINE.fullmatch(line.decode("ascii", "replace"))
        if not found:
            raise Malformed(f"delivery: file {count + 1} has no good name and size")
        is_directory, size = found["hex"] is None, int(found["size"])
        if size > (LIMITS.directory_size if is_directory else LARGEST):
            raise Malformed(f"delivery: {found['name']} of {size} octets")
        data = reader.octets(size)
        yield (None if is_directory else StapleKey(bytes.fromhex(found["hex"]), found["file"])), data
    raise Malformed(f"delivery: more than {MOST} files")


class _Reader:
    """Reads a descriptor until a deadline, and what belongs together within `FILE_SECONDS`."""

    def __init__(self, descriptor: int, deadline: Deadline) -> None:
        self._descriptor = descriptor
        self._whole = deadline
        self._buffer = b""
        self.begin()

    def begin(self) -> None:
        """Begin to wait for a file."""
        self._deadline = self._whole.within(FILE_SECONDS)

    def line(self) -> bytes:
        """Return the next line, without its end."""
        while b"\n" not in self._buffer[:_LONGEST_LINE]:
            if len(self._buffer) >= _LONGEST_LINE:
                raise Malformed("delivery: a line that is too long")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def octets(self, size: int) -> bytes:
        """Return so many octets."""
        parts, left = [], size
        while left > len(self._buffer):
            parts.append(self._buffer)
            left -= len(self._buffer)
            self._buffer = b""
            self._more()
        parts.append(self._buffer[:left])
        self._buffer = self._buffer[left:]
        return b"".join(parts)

    def _more(self) -> None:
        left = self._deadline.left()
        ready, _, _ = select.select([self._descriptor], [], [], left)
        if not ready or not left:
            slow = f"gives no file in {FILE_SECONDS:g} s" if self._whole.left() else "is not over in time"
            raise HostError(f"delivery: {slow}")
        if not (chunk := os.read(self._descriptor, _CHUNK)):
            raise Malformed("delivery: breaks off")
        self._buffer += chunk
