"""The staple store: the directory in which the TLS server finds vouchers and OCSP staples.

    staples/<SHA-256 of the end entity, 64 hex>/<VA id, 16 hex>.voucher     CMS, DER
    staples/<SHA-256 of the end entity, 64 hex>/ocsp.der                    OCSPResponse, DER

A file appears under its name wholly or not at all (`mecai.service.durable`), so that a server may read at any moment.
What a crash left half-written, `sweep` removes. Every user may read: what is served to the world is no secret. Which
names there are, and what is in the files, is the business of `mecai.sidecar.kinds`.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.service.durable import PUBLIC, host_errors, replace, sync_directory

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
        return self._root / key.certificate.hex() / key.name

    def write(self, key: StapleKey, data: bytes) -> None:
        """Let the file at `key` hold `data`, in one step and durably; raises `HostError`."""
        path = self.path(key)
        try:
            _make_folder(self._root)
            _make_folder(path.parent)
        except OSError as error:
            raise HostError(f"{path.parent}: cannot be made ({error.strerror})") from error
        replace(path, data, PUBLIC)

    def holds(self, key: StapleKey) -> bool:
        """Tell whether there is anything at `key`, readable or not."""
        return os.path.lexists(self.path(key))

    def remove(self, key: StapleKey) -> None:
        """Remove the file at `key`, and its directory if that was the last one; raises `HostError`."""
        path = self.path(key)
        with host_errors(path, "removed"):
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()

    def keys(self) -> tuple[StapleKey, ...]:
        """Return the key of every file, in the order of their names."""
        return tuple(StapleKey(bytes.fromhex(path.parent.name), path.name) for path in self._files())

    def sweep(self) -> None:
        """Remove what a crash left behind: hidden temporary files. Raises `HostError`.

        Whoever calls is the only one who writes.
        """
        for path in self._files():
            if path.name.startswith(".") and not path.is_dir():
                with host_errors(path, "removed"):
                    path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._root.glob("*/*") if _FOLDER.fullmatch(path.parent.name))


def _make_folder(path: Path) -> None:
    """Make a directory that everybody may enter, whatever the process's umask; another thread may do so as well."""
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        path.chmod(_FOLDER_MODE)
        sync_directory(path.parent)
