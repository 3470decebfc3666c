"""A lock among processes: a file that one of them holds at a time (flock(2)).

It ends with its holder, however that ends. The file stays: a lock whose file is removed can be held twice.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Final

from mecai.errors import HostError
from mecai.service.deadline import Deadline
from mecai.service.durable import host_errors

SECONDS: Final = 600.0  # longer than any round of a sidecar whose servers answer
_PAUSE: Final = 0.02  # seconds between two tries; flock(2) itself waits without end


@contextmanager
def locked(file: Path, seconds: float = SECONDS) -> Iterator[None]:
    """Hold `file` for this process, and make its folder (0700) and it (0600) if need be; another holder is waited for.

    Raises `HostError` when the folder cannot be written, or the lock is not free after `seconds`.
    """
    with host_errors(file.parent, "written"):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        acquire(descriptor, file, Deadline(seconds))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(folder: Path, seconds: float = SECONDS) -> Iterator[None]:
    """Hold a folder for this process, which need only be readable to it; raises `HostError` as `locked` does."""
    with host_errors(folder, "read"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        acquire(descriptor, folder, Deadline(seconds))
        yield
    finally:
        os.close(descriptor)


def acquire(descriptor: int, file: Path, deadline: Deadline) -> None:
    """Lock what is open, `file` by name, until it is closed; raises `HostError` if it is not free by the deadline."""
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not deadline.left():
                raise HostError(f"{file}: another process has held it for too long; see which: fuser {file}") from error
        sleep(_PAUSE)
