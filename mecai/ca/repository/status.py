"""Certificate status on its way from the CA's process to the OCSP responder: one public file for each certificate.

    PUBLIC/status/issuing/<serial>.der   DER OCSPResponse, signed by the issuer itself; likewise status/root/
    PUBLIC/status/complete               there as soon as every certificate has had its file

Every certificate that was issued has a file, so a serial number without one was never issued. Each file is renamed into
place: a reader finds the former or the new one. They hold no secret.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus

from mecai.ca.storage.records import Issuer, Revocation, serial_text
from mecai.errors import HostError
from mecai.protocol.pki.certificates import FAULTS
from mecai.service import durable

_SUFFIX: Final = ".der"


@dataclass(frozen=True)
class PublishedStatus:
    """What is known of a serial number; `response` is what its issuer signed, and None if it was never issued."""

    response: ocsp.OCSPResponse | None = None
    revocation: Revocation | None = None

    @property
    def issued(self) -> bool:
        """Whether there is such a certificate."""
        return self.response is not None


NEVER_ISSUED: Final = PublishedStatus()


class StatusFolder:
    """The status files below a public folder. Failures are `HostError`."""

    def __init__(self, public: Path) -> None:
        self._folder = public / "status"
        self._complete = self._folder / "complete"

    def look_up(self, issuer: Issuer, serial: int) -> PublishedStatus:
        """Return the status of an issuer's serial number; one file is read.

        Raises `HostError` if nothing may be said: the file is damaged, or there is none where not all are there.
        """
        path = self._path(issuer, serial_text(serial))
        try:
            return _decode(path.read_bytes(), serial)
        except FileNotFoundError:
            self.require_complete()
            return NEVER_ISSUED
        except OSError as error:
            raise HostError(f"{path}: status cannot be read ({error.strerror})") from error
        except FAULTS as error:
            remedy = "remove it and run: mecai ca publish"
            raise HostError(f"{path}: holds no status of its certificate ({error}); {remedy}") from error

    def is_complete(self) -> bool:
        """Tell whether every certificate has had its file."""
        return self._complete.exists()

    def require_complete(self) -> None:
        """Raise `HostError` as long as certificates may be without their files."""
        if not self.is_complete():
            raise HostError(f"{self._folder}: status cannot be read (not all of it is there); run: mecai ca publish")

    def mark_complete(self) -> None:
        """Say that every certificate has its file."""
        durable.replace(self._complete, b"", durable.PUBLIC)

    def mark_incomplete(self) -> None:
        """Say that some are missing: until they are there again, no serial number is called unknown."""
        with durable.host_errors(self._complete, "removed"):
            self._complete.unlink(missing_ok=True)

    def make(self) -> None:
        """Make the folders that are missing; others may read them."""
        for folder in (self._folder, *(self._folder / issuer for issuer in Issuer)):
            make_public(folder)

    def write(self, issuer: Issuer, serial: str, response: bytes) -> None:
        """Put a certificate's status in place, safe on disk."""
        durable.replace(self._path(issuer, serial), response, durable.PUBLIC)

    def found(self, issuer: Issuer) -> frozenset[str]:
        """Return the names of what is in an issuer's folder, the suffix left out: serial numbers, if all is well."""
        with durable.host_errors(self._folder / issuer, "read"):
            return frozenset(name.removesuffix(_SUFFIX) for name in os.listdir(self._folder / issuer))  # noqa: PTH208 - many names, no paths

    def remove(self, issuer: Issuer, names: Iterable[str]) -> None:
        """Remove what has no place there: `names` as in `found`."""
        for name in names:
            path = self._path(issuer, name)
            with durable.host_errors(path, "removed"):
                path.unlink(missing_ok=True)
                path.with_name(name).unlink(missing_ok=True)  # what a crash left of a file never finished

    def _path(self, issuer: Issuer, serial: str) -> Path:
        return self._folder / issuer / f"{serial}{_SUFFIX}"


def make_public(folder: Path) -> None:
    """Make a folder that others may read, if it is missing, whatever the umask is."""
    if not folder.exists():
        with durable.host_errors(folder, "made"):
            folder.mkdir()
            folder.chmod(0o755)


def _decode(der: bytes, serial: int) -> PublishedStatus:
    """Read a status file; raises what is in `FAULTS`."""
    response = ocsp.load_der_ocsp_response(der)
    if response.serial_number != serial:
        raise ValueError(f"serial number {serial_text(response.serial_number)}")
    if response.certificate_status is OCSPCertStatus.GOOD:
        return PublishedStatus(response)
    time = response.revocation_time_utc
    if time is None:
        raise ValueError("neither good nor revoked")
    return PublishedStatus(response, Revocation(time, response.revocation_reason or x509.ReasonFlags.unspecified))
