"""Files that are there wholly or not at all, also after a crash or a full disk.

The system calls, in this order: open a temporary file beside the target (O_EXCL, 0600), write, fsync; then link or
rename it to the target's name; then fsync the directory, without which the new name itself may be lost.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Final

from mecai.errors import HostError, InputError

SECRET: Final = 0o600
PUBLIC: Final = 0o644


def create(path: Path, data: bytes, mode: int) -> None:
    """Make the file `path`; what is there already is never touched: `InputError`. Other failures are `HostError`."""
    with _written(path, data, mode) as temporary:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            require_absent(path)
            raise


def require_absent(path: Path) -> None:
    """Refuse a path where something is already, a dangling link included; raises `InputError`."""
    if os.path.lexists(path):
        raise InputError(f"{path}: exists already and is never overwritten; remove it or name another") from None


def replace(path: Path, data: bytes, mode: int) -> bool:
    """Let `path` hold `data` with this mode, in one step; returns False if it did so already. Raises `HostError`."""
    with host_errors(path, "read"):
        if path.exists() and S_IMODE(path.stat().st_mode) == mode and path.read_bytes() == data:
            return False
    with _written(path, data, mode) as temporary:
        temporary.replace(path)
    return True


def sync_directory(path: Path) -> None:
    """Bring the names in a directory safely to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """Hold a file with `data`, safe on disk, beside `path`; afterwards it is gone and the directory is on disk."""
    with host_errors(path, "written"):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_directory(path.parent)


@contextmanager
def host_errors(path: Path, verb: str) -> Iterator[None]:
    """Turn the system's refusals into `HostError`: which path cannot be read, written, opened, and why."""
    try:
        yield
    except OSError as error:
        raise HostError(f"{path}: cannot be {verb} ({error.strerror})") from error
