"""Files that are there wholly or not at all, also after a crash or a full disk.

The system calls, in this order: open a temporary file beside the target (O_EXCL, 0600), write, fsync; then link or
rename it to the target's name; then fsync the directory, without which the new name itself may be lost.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE, S_ISCHR, S_ISFIFO, S_ISREG
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
        if path.exists() and _holds(path, path.stat(), data, mode):
            return False
    with _written(path, data, mode) as temporary:
        temporary.replace(path)
    return True


def keep(path: Path, data: bytes, mode: int) -> bool:
    """Let what a person names hold `data`: a file, also at the end of a link, as `replace` does.

    A device or a pipe (/dev/stdout, /dev/null) takes it and stays what it is: renamed onto, it would be gone for
    everybody. Raises `HostError`; for a folder, a disk, a link that somebody else put into /tmp (protected_symlinks,
    proc_sys_fs(5)) and a pipe that nobody reads, too.
    """
    if not path.is_symlink() and (path.is_file() or not path.exists()):
        return replace(path, data, mode)
    with host_errors(path, "written"):
        # The system follows the link, as far as it does for this user; what it leads to may have to be made.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, SECRET)
        with open(descriptor, "wb") as taker:  # noqa: PTH123 - a descriptor has no path
            kind = os.fstat(descriptor).st_mode
            if S_ISREG(kind):
                return replace(Path(os.path.realpath(path)), data, mode)
            if not S_ISCHR(kind) and not S_ISFIFO(kind):
                raise OSError(errno.EINVAL, "neither a file nor a character device or pipe")
            os.set_blocking(descriptor, True)
            taker.write(data)
    return True


def _holds(path: Path, found: os.stat_result, data: bytes, mode: int) -> bool:
    """Tell whether a file is as wanted; one of another size is not read."""
    return S_IMODE(found.st_mode) == mode and found.st_size == len(data) and path.read_bytes() == data


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
