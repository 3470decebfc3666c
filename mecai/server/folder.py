"""The folder of one certificate in the staple directory, as last read.

    DIRECTORY/<SHA-256 of the certificate, 64 hex>/<VA id, 16 hex>[-LABEL].voucher     CMS, DER
    DIRECTORY/<SHA-256 of the certificate, 64 hex>/ocsp.der                            OCSPResponse, DER

Whoever writes renames whole files into place, so the folder's modification time says when to look again. A bad file is
named once in the log and never served; what the same file held before stays, for as long as it may be served. Links,
FIFOs and devices are not followed or opened.
"""

import errno
import logging
import os
import re
import stat
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from cryptography import x509

from mecai.errors import MecaiError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import certificate_hash
from mecai.server.items import OcspItem, Refused, VoucherItem, check_ocsp, check_voucher

LOG = logging.getLogger(__name__)

MOST_FILES: Final = 256  # vouchers of one certificate
MOST_NAMES: Final = 65_536  # of any kind that are looked at in one folder
_OCSP: Final = "ocsp.der"
_VOUCHER: Final = re.compile(r"([0-9a-f]{16})(-[A-Za-z0-9._-]{1,64})?\.voucher")
_TICK_NS: Final = 2_000_000_000  # of the coarsest file system's clock
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

_Status = tuple[int, int, int, int, int]  # device, inode, size, both times


@dataclass(frozen=True)
class _File:
    """One version of a file, what it holds (or what an earlier one held), and whether it is to be looked at again."""

    status: _Status
    item: VoucherItem | OcspItem | None
    good: bool
    again: datetime | None = None

    def stands(self, status: _Status, now: datetime) -> bool:
        return self.status == status and not (self.again and now >= self.again)


class Folder:
    """Vouchers and the OCSP response of one certificate; `refresh`, by one thread at a time, reads what has changed."""

    def __init__(self, root: Path, certificate: bytes) -> None:
        self._hash = certificate_hash(certificate)
        self._certificate = _parsed(certificate)
        self._path = root / self._hash.hex()
        self._files: dict[str, _File] = {}
        self._seen: _Status | None = None
        self._trouble = ""
        self.vouchers: tuple[VoucherItem, ...] = ()
        self.ocsp: OcspItem | None = None

    def refresh(self, now: datetime) -> None:
        """Read what has changed; whatever is wrong is logged, once."""
        try:
            found = os.lstat(self._path)
            if not stat.S_ISDIR(found.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if self._seen != _status(found) or self._unsettled():
                settled = max(found.st_mtime_ns, found.st_ctime_ns) + _TICK_NS < time.time_ns()  # a change would show
                self._seen = _status(found) if settled else None
                self._read(now)
            self._trouble = ""
        except OSError as error:
            self._vanished(error)

    def _unsettled(self) -> bool:
        """Tell whether a file was refused: a writer who does not rename is read when he has finished."""
        return any(not file.good for file in self._files.values())

    def _vanished(self, error: OSError) -> None:
        """Serve nothing; the folder may come (back) at any time."""
        self._files, self._seen, self.vouchers, self.ocsp = {}, None, (), None
        if (why := error.strerror or str(error)) != self._trouble:
            self._trouble = why
            LOG.warning("nothing is stapled: %s", why, extra={"path": str(self._path)})

    def _read(self, now: datetime) -> None:
        with os.scandir(self._path) as entries:
            names = [entry.name for entry in islice(entries, MOST_NAMES)]
        vouchers = sorted(name for name in names if _VOUCHER.fullmatch(name))[:MOST_FILES]
        kept = [*vouchers, *(name for name in names if name == _OCSP)]
        self._files = {name: file for name in kept if (file := self._look(name, now))}
        items = [file.item for file in self._files.values()]
        self.vouchers = tuple(item for item in items if isinstance(item, VoucherItem))
        self.ocsp = next((item for item in items if isinstance(item, OcspItem)), None)

    def _look(self, name: str, now: datetime) -> _File | None:
        """Return a file as it was, or as it is now; None where it is gone."""
        former, path = self._files.get(name), self._path / name
        try:
            status = _status(os.lstat(path))
        except OSError:
            return None
        if former and former.stands(status, now):
            return former
        try:
            return _File(status, self._check(name, _content(path, name), now), good=True)
        except (MecaiError, Refused, OSError) as error:
            item = former.item if former else None
            stays = "; what it held before stays in service" if item else ""
            LOG.warning("not served: %s%s", error, stays, extra={"path": str(path)})
            return _File(status, item, good=False, again=getattr(error, "until", None))

    def _check(self, name: str, data: bytes, now: datetime) -> VoucherItem | OcspItem:
        if name == _OCSP:
            if self._certificate is None:
                raise Refused("the certificate cannot be read, so nothing tells whether this is its status")
            return check_ocsp(data, self._certificate, now)
        return check_voucher(data, self._hash, bytes.fromhex(name[:16]), now)


def _content(path: Path, name: str) -> bytes:
    """Read a regular file within its limit; raises `OSError` or `Refused`."""
    most = LIMITS.ocsp_staple_size if name == _OCSP else LIMITS.voucher_size
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused("not a regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused(f"more than {most} octets")
    return data


def _status(found: os.stat_result) -> _Status:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _parsed(certificate: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(certificate)
    except certificates.FAULTS:
        return None
