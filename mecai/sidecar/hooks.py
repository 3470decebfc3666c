"""What lets a server read its files anew: owed from before they change until it has succeeded, whoever is killed.

The mark of the debt is its lock, too: of two that change the same files one waits for the other, so that who succeeds
pays its own debt alone. A mark that is locked need not be the one that lies there, since whoever pays removes it: then
it is looked for again.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.service.deadline import Deadline
from mecai.service.durable import SECRET, host_errors, sync_directory
from mecai.service.locks import acquire

PATIENCE: Final = 330.0  # seconds for another run: its hook (`mecai.cli.sidecar_export.HOOK_SECONDS`), and its files
_TRIES: Final = 100  # each is another run that came before


@contextmanager
def owed(mark: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """Keep the file `mark` until the block has ended without an error; yields whether a former run left it there.

    Another run's block is waited for `patience` seconds. Raises `HostError`.
    """
    descriptor, before = _taken(mark, Deadline(patience))
    try:
        yield before
        with host_errors(mark, "removed"):
            mark.unlink()
    finally:
        os.close(descriptor)


def _taken(mark: Path, deadline: Deadline) -> tuple[int, bool]:
    """Return the mark, open, locked and on disk, and whether it was there."""
    for _ in range(_TRIES):
        descriptor, before = _opened(mark)
        try:
            acquire(descriptor, mark, deadline)
            if _lies_at(mark, descriptor):
                with host_errors(mark, "written"):
                    sync_directory(mark.parent)
                return descriptor, before
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise HostError(f"{mark}: others take it all the time")


def _opened(mark: Path) -> tuple[int, bool]:
    with host_errors(mark, "written"):
        while True:
            with suppress(FileExistsError):
                return os.open(mark, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SECRET), False
            with suppress(FileNotFoundError):  # paid in between
                return os.open(mark, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW), True


def _lies_at(mark: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(mark.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False
