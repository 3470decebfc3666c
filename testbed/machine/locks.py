"""Lock files that die with their holder and leave no file behind (flock(2))."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class LockTaken(Exception):
    """Another process holds the lock; `holder` is its number as it wrote it, or `unknown`."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold a lock, its file gone at the end; raises `LockTaken` at once while another process holds it."""
    with _take(path) as file:
        try:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: see `_take`


def _take(path: Path) -> TextIO:
    """Open and lock the file that now bears the name: an earlier holder may have removed the one that was opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            with file:
                raise LockTaken(file.read().strip() or "unknown") from error
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()
