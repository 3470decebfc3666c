"""One file that holds a lab: a tar archive under zstd, whose first member is a document that says what it is.

It is written beside its place and renamed when whole. It is read twice: once to look at every member, then to unpack
those, into an empty folder, both by tar: what was looked at is what comes out, whoever wrote the archive. What a member
may be is what the files of hosts are: never a device, never outside.
"""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

from mecai.errors import HostError, InputError
from testbed.machine import tools
from testbed.machine.limits import LIMITS

HEADER = "save.json"
# What overlayfs notes for itself of the layer below: on another file system it means nothing.
_FOREIGN = ("trusted.overlay.origin", "trusted.overlay.uuid", "trusted.overlay.nlink")
_ATTRIBUTES = ["--numeric-owner", "--xattrs", "--xattrs-include=*", *(f"--xattrs-exclude={name}" for name in _FOREIGN)]
# With less room than this, a disk is full.
_LITTLE = 1024**2
# A member as `tar --list --verbose` shows it: names in quotes, so that no name looks like more than a name.
_NAME = r'"((?:[^"\\]|\\.)*)"'
_MEMBER = re.compile(rf"(?P<kind>.)\S+ \d+/\d+ +(?P<size>\d+(?:,\d+)?) \S+ \S+ +{_NAME}(?: (?:->|link to) {_NAME})?\n")
_LINK, _HARD_LINK, _DEVICE = "l", "h", "c"
_PLAIN = f"-d{_LINK}{_HARD_LINK}p"  # files, folders, links of both kinds, pipes


def pack(file: Path, parts: Mapping[Path, Sequence[str]]) -> int:
    """Write an archive of what lies in folders, each with the names of what to take; returns its size in octets.

    The first name of the first folder must be `HEADER`. Only this user may read the archive; an older one stays until
    the new one is whole. Raises `HostError`.
    """
    with _replaced(file) as target:
        command = ["tar", "--create", "--use-compress-program=zstd -1 -T0", f"--file={target}", *_ATTRIBUTES]
        for folder, names in parts.items():
            command += [f"--directory={folder}", *names]
        tools.run(command, seconds=LIMITS.pack_seconds)
    return file.stat().st_size


def copy(file: Path, target: Path) -> None:
    """Copy an archive; an older one in its place stays until the copy is whole. Raises `HostError`."""
    with _replaced(target) as place:
        shutil.copyfile(file, place)


def header(file: Path) -> str:
    """Return the document at the beginning of an archive; raises `InputError` for what is none."""
    with _piped(file, ["zstd", "--decompress", "--stdout", "--quiet", "--", str(file)]) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                first = archive.next()
                content = archive.extractfile(first) if first and _is_header(first) else None
                text = content.read().decode(errors="replace") if content else ""
        except (tarfile.TarError, EOFError, UnicodeError) as error:
            raise InputError(f"{file}: damaged, or no saved lab") from error
    if not content:
        raise InputError(f"{file}: no saved lab: it does not begin with {HEADER}")
    return text


def unpack(file: Path, folder: Path, tops: Sequence[str]) -> None:
    """Unpack an archive, every member of which lies in one of `tops`, into an empty folder.

    Raises `InputError`, with nothing unpacked, when it is damaged or holds what no archive of ours does; `HostError`
    when there is no room.
    """
    need = _inspect(file, tops)
    if _free(folder) < need:
        raise HostError(f"{folder}: {need / 1024**3:.1f} GiB are needed to unpack {file}: make room there")
    command = ["tar", "--extract", *_zstd(file), f"--directory={folder}", "--same-permissions", "--same-owner"]
    tools.run([*command, *_ATTRIBUTES], seconds=LIMITS.pack_seconds)


def _is_header(member: tarfile.TarInfo) -> bool:
    return member.name == HEADER and member.isreg() and member.size <= LIMITS.archive_header_bytes


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _inspect(file: Path, tops: Sequence[str]) -> int:
    """Look at every member; returns the octets that they take. Raises `InputError`."""
    links: set[str] = set()
    octets = 0
    for kind, size, name, target in _members(file):
        if fault := _fault(kind, size, [name, target] if kind == _HARD_LINK else [name], tops, links):
            raise InputError(f'{file}: not unpacked: "{name}" {fault}')
        if kind == _LINK:
            links.add(name)
        octets += 0 if kind == _DEVICE else int(size)
    return octets


def _fault(kind: str, size: str, names: Sequence[str], tops: Sequence[str], links: set[str]) -> str:
    """Say what is wrong with a member, nothing when it is as our archives have them."""
    whiteout = kind == _DEVICE and size == "0,0"  # "deleted" in overlayfs
    if kind not in _PLAIN and not whiteout:
        return "is a device"
    for name in names:
        parts = name.split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or parts[0] not in {HEADER, *tops}:
            return "leads out of the lab's folder"
        if not links.isdisjoint(accumulate(parts if len(names) > 1 else parts[:-1], "{}/{}".format)):
            return "lies behind a link"
    return ""


def _members(file: Path) -> Iterator[tuple[str, str, str, str]]:
    """List the members of an archive: kind, size, name and where a link leads to, the names as tar quotes them.

    Raises `InputError` when it cannot be read, also at its end: what was listed until then is a part of it.
    """
    damaged = InputError(f"{file}: damaged, or no saved lab")
    command = ["tar", "--list", "--verbose", "--absolute-names", "--numeric-owner", "--quoting-style=c", *_zstd(file)]
    with _piped(file, command) as process:
        for line in process.stdout or ():
            if not (found := _MEMBER.fullmatch(line.decode("ascii", errors="replace"))):
                raise damaged
            kind, size, name, target = found.groups(default="")
            yield kind, size, name.removesuffix("/") if kind == "d" else name, target
        if process.wait(LIMITS.pack_seconds):
            raise damaged


def _zstd(file: Path) -> list[str]:
    return ["--use-compress-program=zstd", f"--file={file}"]


@contextmanager
def _piped(file: Path, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run what reads an archive; it ends with this context. Raises `InputError` where there is no archive."""
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    words = os.environ | {"LC_ALL": "C"}  # tar has translations of what it says
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=words) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def _replaced(file: Path) -> Iterator[str]:
    """Give the name of a new, empty file that only this user may read and that takes the place of `file` at the end.

    The name leads through this process, so that whoever may write in the folder cannot put another file in its place.
    """
    temporary = file.with_name(f".{file.name}.new")
    descriptor = _create(temporary, file)
    try:
        with _explained(file):
            yield f"/proc/{os.getpid()}/fd/{descriptor}"
            os.fsync(descriptor)
            temporary.rename(file)
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


def _create(temporary: Path, file: Path) -> int:
    try:
        temporary.unlink(missing_ok=True)
        return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostError(f"{file}: cannot be written ({error.strerror}): give another file") from error


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Say of a file that could not be written why, while what was written of it is still there."""
    try:
        yield
    except (tools.ToolFailed, OSError) as error:
        full = f"the disk is full: make room in {file.parent}"
        raise HostError(f"{file}: {full if _free(file.parent) < _LITTLE else error}") from error
