"""The values of the register: who signed which kind of certificate, and what became of it."""

import enum
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509


class Issuer(enum.StrEnum):
    """The two CA certificates of an authority."""

    ROOT = "root"
    ISSUING = "issuing"


class CertificateProfile(enum.StrEnum):
    """The kinds of certificate that an authority makes."""

    ROOT = "root"
    ISSUING = "issuing"
    SERVER = "server"
    CLIENT = "client"
    VA = "va"
    MAIL = "mail"
    OCSP_ROOT = "ocsp-root"
    OCSP_ISSUING = "ocsp-issuing"

    @property
    def purpose(self) -> str:
        """What its keys are for, whoever certifies them; also the name of its lifetime in the configuration."""
        return self.partition("-")[0]


@dataclass(frozen=True)
class Revocation:
    """When a certificate was revoked, and why."""

    time: datetime
    reason: x509.ReasonFlags


@dataclass(frozen=True)
class RegisterEntry:
    """One certificate of the register."""

    issuer: Issuer
    profile: CertificateProfile
    certificate: x509.Certificate
    revocation: Revocation | None = None

    @property
    def serial(self) -> str:
        """The serial number as the register writes it."""
        return serial_text(self.certificate.serial_number)

    def is_good(self, now: datetime) -> bool:
        """Tell whether it is in its time, and not revoked."""
        valid = self.certificate.not_valid_before_utc <= now <= self.certificate.not_valid_after_utc
        return valid and self.revocation is None


@dataclass(frozen=True)
class CurrentStatus:
    """What is to be said of one certificate now, without the certificate itself."""

    issuer: Issuer
    serial: str
    revocation: Revocation | None


def serial_text(number: int) -> str:
    """Return a serial number in hexadecimal, lower case, whole octets."""
    text = f"{number:x}"
    return text.rjust(len(text) + len(text) % 2, "0")
