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
from mecai.service.durable import host_errors
from mecai.service.file_status import FileStatus
from mecai.service.regular import read_regular

LOG = logging.getLogger(__name__)

MOST_FILES: Final = 256  # vouchers of one certificate
MOST_NAMES: Final = 65_536  # of any kind that are looked at in one folder
_OCSP: Final = "ocsp.der"
_VOUCHER: Final = re.compile(r"([0-9a-f]{16})(-[A-Za-z0-9._-]{1,64})?\.voucher")
# What the system says of a folder, or of a file, that stays so until somebody changes it; all else (no descriptor, no
# memory, a disk that fails) may be over at the next look.
_NO_FOLDER: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM}
_NO_FILE: Final = {errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV}


@dataclass(frozen=True)
class _File:
    """One version of a file, what it holds (or what an earlier one held), why it is not served, and until when.

    Where it could not be read there is no `status`: it is read again at the next look.
    """

    status: FileStatus | None
    item: VoucherItem | OcspItem | None
    trouble: str = ""
    again: datetime | None = None

    def stands(self, status: FileStatus, now: datetime) -> bool:
        return self.status == status and not (self.again and now >= self.again)


class Folder:
    """Vouchers and the OCSP response of one certificate; `refresh`, by one thread at a time, reads what has changed."""

    def __init__(self, root: Path, certificate: bytes) -> None:
        self._hash = certificate_hash(certificate)
        self._certificate = _parsed(certificate)
        self._path = root / self._hash.hex()
        self._files: dict[str, _File] = {}
        self._seen: FileStatus | None = None
        self._trouble = ""
        self.vouchers: tuple[VoucherItem, ...] = ()
        self.ocsp: OcspItem | None = None

    def refresh(self, now: datetime) -> None:
        """Read what has changed; whatever is wrong is logged, once."""
        try:
            found = os.lstat(self._path)
            if not stat.S_ISDIR(found.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            status = FileStatus.of(found)
            if self._seen != status or self._unsettled():
                settled = status.settled()  # before it is read
                self._read(now)
                self._seen = status if settled else None
            self._trouble = ""
        except OSError as error:
            self._fail(error)

    def _unsettled(self) -> bool:
        """Tell whether a file was refused: a writer who does not rename is read when he has finished."""
        return any(file.trouble for file in self._files.values())

    def _fail(self, error: OSError) -> None:
        """Serve nothing where there is no folder, and what was read before where it could not be read; look again."""
        self._seen = None
        if error.errno in _NO_FOLDER:
            self._files, self.vouchers, self.ocsp = {}, (), None
            said = "nothing is stapled: %s"
        else:
            said = "not read, and what was read before stays in service: %s"
        if (why := error.strerror or str(error)) != self._trouble:
            self._trouble = why
            LOG.warning(said, why, extra={"path": str(self._path)})

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
        status = None
        try:
            with host_errors(path, "read"):
                status = FileStatus.of(os.lstat(path))
            if former and former.stands(status, now):
                return former
            most = LIMITS.ocsp_staple_size if name == _OCSP else LIMITS.voucher_size
            return _File(status, self._check(name, read_regular(path, most, follow=False), now))
        except (MecaiError, Refused) as error:
            cause = error.__cause__
            if isinstance(cause, FileNotFoundError):
                return None
            passing = isinstance(cause, OSError) and cause.errno not in _NO_FILE
            return self._refused(path, former, None if passing else status, error)

    def _refused(
        self, path: Path, former: _File | None, status: FileStatus | None, error: MecaiError | Refused
    ) -> _File:
        """Return a file whose content is not served; what it held before is. Named once, not at every vain look."""
        item, why = former.item if former else None, str(error)
        if status is not None or former is None or former.trouble != why:
            stays = "; what it held before stays in service" if item else ""
            LOG.warning("not served: %s%s", why, stays, extra={"path": str(path)})
        return _File(status, item, why, getattr(error, "until", None))

    def _check(self, name: str, data: bytes, now: datetime) -> VoucherItem | OcspItem:
        if name == _OCSP:
            if self._certificate is None:
                raise Refused("the certificate cannot be read, so nothing tells whether this is its status")
            return check_ocsp(data, self._certificate, now)
        return check_voucher(data, self._hash, bytes.fromhex(name[:16]), now)


def _parsed(certificate: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(certificate)
    except certificates.FAULTS:
        return None
