"""The store: the directory in which the TLS server finds vouchers and OCSP staples.

    staples/<SHA-256 of the end entity, 64 hex>/<VA id, 16 hex>.voucher     CMS, DER
    staples/<SHA-256 of the end entity, 64 hex>/ocsp.der                    OCSPResponse, DER

A file appears under its name wholly or not at all (`mecai.service.durable`), so that a server may read at any moment.
What a crash left half-written, `sweep` removes. Every user may read: what is served to the environment is no secret.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.service.durable import PUBLIC, host_errors, replace, sync_directory

_FOLDER: Final = re.compile(r"[0-9a-f]{64}")
_STAPLE: Final = "ocsp.der"
_VOUCHER: Final = re.compile(r"([0-9a-f]{16})\.voucher")
_FOLDER_MODE: Final = 0o755


@dataclass(frozen=True)
class StapleKey:
    """Where something lies: for which certificate (SHA-256), and of which authority (8 octets; None: OCSP staple)."""

    certificate: bytes
    authority: bytes | None = None

    @property
    def path(self) -> Path:
        """The path on the store."""
        name = _STAPLE if self.authority is None else f"{self.authority.hex()}.voucher"
        return Path(self.certificate.hex(), name)

    def __str__(self) -> str:
        return str(self.path)


class StapleStore:
    """Files by place."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def lay(self, place: StapleKey, data: bytes) -> None:
        """Let `place` hold `data`, in one step and durably; raises `HostError`."""
        path = self._root / place.path
        try:
            _make_folder(self._root)
            _make_folder(path.parent)
        except OSError as error:
            raise HostError(f"{path.parent}: cannot be made ({error.strerror})") from error
        replace(path, data, PUBLIC)

    def read(self, place: StapleKey) -> bytes | None:
        """Return what lies at `place`, None if nothing does; raises `HostError`."""
        path = self._root / place.path
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"{path}: cannot be read ({error.strerror})") from error

    def holds(self, place: StapleKey) -> bool:
        """Tell whether anything lies at `place`, readable or not."""
        return os.path.lexists(self._root / place.path)

    def remove(self, place: StapleKey) -> None:
        """Take away what lies at `place`, and its directory if that was the last; raises `HostError`."""
        path = self._root / place.path
        with host_errors(path, "removed"):
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()

    def places(self) -> tuple[StapleKey, ...]:
        """Return every place where something lies, in the order of their names."""
        return tuple(place for path in self._files() if (place := _place(path)) is not None)

    def sweep(self) -> None:
        """Remove what a crash left behind: hidden temporary files. Raises `HostError`.

        Whoever calls is the only one who lays.
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


def _place(path: Path) -> StapleKey | None:
    """Return the place that a path means, None if it means none."""
    certificate = bytes.fromhex(path.parent.name)
    if path.name == _STAPLE:
        return StapleKey(certificate)
    voucher = _VOUCHER.fullmatch(path.name)
    return StapleKey(certificate, bytes.fromhex(voucher[1])) if voucher else None
