"""Reading a file that somebody else may have put there: a regular one, of bounded size, and nobody is waited for.

A FIFO would keep its reader waiting, a device may never end, and a link may lead anywhere: each is told apart after
opening, so that nothing can be exchanged in between.
"""

import os
from pathlib import Path
from stat import S_ISREG

from mecai.errors import HostError
from mecai.service.durable import host_errors


class Irregular(HostError):
    """No regular file, or one that is too large."""


def read_regular(path: Path, limit: int, *, follow: bool = True) -> bytes:
    """Return the content of a regular file of at most `limit` octets; raises `HostError`, `Irregular` among it.

    Without `follow`, a symbolic link is no regular file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    with host_errors(path, "read"):
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            require_regular(path, os.fstat(descriptor), limit)
            data = file.read(limit + 1)
    if len(data) > limit:  # it has grown
        raise _too_large(path, limit)
    return data


def read_if_there(path: Path, limit: int) -> bytes:
    """Return the content of a file as `read_regular` does; nothing where it cannot be read, which others then say."""
    try:
        return read_regular(path, limit)
    except HostError:
        return b""


def require_regular(path: Path, found: os.stat_result, limit: int) -> None:
    """Refuse, as `Irregular`, what stat(2) calls no regular file or one of more than `limit` octets."""
    if not S_ISREG(found.st_mode):
        raise Irregular(f"{path}: cannot be read (not a regular file)")
    if found.st_size > limit:
        raise _too_large(path, limit)


def _too_large(path: Path, limit: int) -> Irregular:
    return Irregular(f"{path}: cannot be read (more than {limit} octets)")
