"""Reading what a person names: a file, or a pipe (`<(...)`), of bounded size, and no silence is waited for without end.

What somebody else may have put in a folder is read by `mecai.service.regular`, which takes files alone.
"""

import errno
import os
import select
from pathlib import Path
from typing import Final

LARGEST: Final = 64 * 1024 * 1024  # octets: more than any directory, chain or list of settings has
SILENCE: Final = 10.0  # seconds, in which nothing is written into a pipe
_PIECE: Final = 1024 * 1024  # octets


def read_named(path: Path) -> bytes:
    """Return what is there; raises `OSError`, also for more than 64 MiB and for a pipe into which nobody writes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    octets = bytearray()
    while piece := _next(descriptor):
        octets += piece
        if len(octets) > LARGEST:
            raise OSError(errno.EFBIG, f"more than {LARGEST} octets")
    return bytes(octets)


def _next(descriptor: int) -> bytes:
    """Return some octets; nothing at the end."""
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    while ready.poll(1000 * SILENCE):
        try:
            return os.read(descriptor, _PIECE)
        except BlockingIOError:  # another reader was faster
            continue
    raise TimeoutError(errno.ETIMEDOUT, f"nothing came for {SILENCE:.0f} s")
