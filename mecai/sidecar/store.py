"""The staple store: the directory in which the TLS server finds vouchers and OCSP staples.

    staples/<SHA-256 of the end entity, 64 hex>/<VA id, 16 hex>.voucher     CMS, DER
    staples/<SHA-256 of the end entity, 64 hex>/ocsp.der                    OCSPResponse, DER

A file appears under its name wholly or not at all (`mecai.service.durable`), so that a server may read at any moment.
What a crash left half-written, `survey` removes. Every user may read: what is served to the world is no secret. Which
names there are, and what is in the files, is the business of `mecai.sidecar.kinds`.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from mecai.service.durable import PUBLIC, host_errors, replace, sync_directory

Found = dict["StapleKey", os.stat_result]

_FOLDER: Final = re.compile(r"[0-9a-f]{64}")
_FOLDER_MODE: Final = 0o755


@dataclass(frozen=True)
class StapleKey:
    """Names one file: for which certificate (SHA-256 of it), and under which name."""

    certificate: bytes
    name: str

    def __str__(self) -> str:
        return f"{self.certificate.hex()}/{self.name}"


class StapleStore:
    """Files by key."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, key: StapleKey) -> Path:
        """Return where the TLS server looks for it."""
        return Path(f"{self._root}/{key}")  # parsed once: this is asked for each file in each round

    def write(self, key: StapleKey, data: bytes) -> None:
        """Let the file at `key` hold `data`, in one step and durably; raises `HostError`."""
        path = self.path(key)
        with host_errors(path.parent, "made"):
            _make_folder(self._root)
            _make_room(path.parent)
            _make_folder(path.parent)
        with host_errors(path, "replaced"):
            _make_room(path)
        replace(path, data, PUBLIC)

    def holds(self, key: StapleKey) -> bool:
        """Tell whether there is anything at `key`, readable or not."""
        return os.path.lexists(self.path(key))

    def remove(self, key: StapleKey) -> None:
        """Remove what is at `key`, and its directory if that was the last; raises `HostError`, also for a directory.

        Whether that outlives a crash does not matter: it would be found and removed again.
        """
        path = self.path(key)
        with host_errors(path, "removed"):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # something else is in there
                path.parent.rmdir()

    def keys(self, owned: Callable[[str], bool]) -> tuple[StapleKey, ...]:
        """Return the key of each file whose name is `owned`, and change nothing; raises `HostError`."""
        found: list[StapleKey] = []
        with host_errors(self._root, "read"):
            for folder in _folders(self._root):
                with suppress(FileNotFoundError), os.scandir(folder) as entries:
                    names = [entry.name for entry in entries if owned(entry.name)]
                found += [StapleKey(bytes.fromhex(folder.name), name) for name in names]
        return tuple(sorted(found, key=str))

    def survey(self, owned: Callable[[str], bool]) -> Found:
        """Return what is there under each name that is `owned`, with its status, and remove what a crash left behind.

        Links are not followed. Whoever calls is the only one who writes. Raises `HostError`.
        """
        found: Found = {}
        with host_errors(self._root, "read"):
            for folder in _folders(self._root):
                certificate = bytes.fromhex(folder.name)
                with suppress(FileNotFoundError), os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            _sweep(entry)
                        elif owned(entry.name):
                            found[StapleKey(certificate, entry.name)] = entry.stat(follow_symlinks=False)
                with suppress(OSError):  # something is in there
                    Path(folder.path).rmdir()
        return found


def _folders(root: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield the folders of certificates; none where there is nothing at all."""
    with suppress(FileNotFoundError), os.scandir(root) as entries:
        for entry in entries:
            if _FOLDER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield entry


def _sweep(entry: "os.DirEntry[str]") -> None:
    if not entry.is_dir(follow_symlinks=False):
        Path(entry.path).unlink(missing_ok=True)


def _make_room(path: Path) -> None:
    """Remove what is neither file nor folder, a pipe or a link say: nobody is to read it or to write through it."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not S_ISREG(mode) and not S_ISDIR(mode):
            path.unlink()


def _make_folder(path: Path) -> None:
    """Make a directory that everybody may enter, whatever the process's umask; another thread may do so as well."""
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        path.chmod(_FOLDER_MODE)
        sync_directory(path.parent)
