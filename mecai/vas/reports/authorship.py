"""Whose report or notice it is (docs/spec F3, F6): a VA says so with the report key that a directory lists for it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.codec.cms import SignedContent
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Authority
from mecai.protocol.objects.incident import Incident
from mecai.protocol.objects.report import Report
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.protocol.pki.keys import PrivateKey, check_public_key
from mecai.service.pem import load_certificates, load_key
from mecai.vas.config import VasConfig
from mecai.vas.trust.contexts import Trust

_ALWAYS: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


@dataclass(frozen=True)
class Authorship:
    """What tells another VA's word from what anybody made up; `own` is this VA's id."""

    own: bytes
    trust: Trust

    def require(self, signed: SignedContent, authority: bytes, time: datetime, now: datetime) -> Authority:
        """Return the entry of the VA whose word it is; raises `VerificationError` or `Refusal`.

        A VA that is distrusted, by the directory (D7) or the operator (X4), has no say.
        """
        if authority == self.own:
            raise _untrusted("authority: is this VA itself")
        if not now - LIMITS.passed_on_age <= time <= now + LIMITS.clock_skew:
            raise _untrusted(f"time: expected the last {LIMITS.passed_on_age.days} days")
        key = spki_der(signed.certificate)
        for directory in self.trust.directories.in_force(now):
            entry = directory.find(authority)
            if entry is None or entry.report_key != key or not self.trust.hears(entry, directory, now):
                continue
            signed.verify_signature()
            return entry
        raise _untrusted("certificate: its key is not the report key of that VA in a directory in force")


class ReportSigner:
    """The VA `authority` with its report key (docs/spec K4)."""

    def __init__(self, key: PrivateKey, authority: bytes) -> None:
        self.authority = authority
        self._key = key
        self._certificate = _certificate_of(key)

    @property
    def public_key(self) -> bytes:
        """The DER SubjectPublicKeyInfo, as a directory lists it (D5)."""
        return spki_der(self._certificate)

    def pass_on(self, report: Report) -> bytes:
        """Return a report as it goes to other VAs."""
        return report.sign(self.authority, self._key, self._certificate)

    def notice(self, incident: Incident) -> bytes:
        """Return an incident notice of this VA's."""
        return incident.sign(self._key, self._certificate)


def load_report_signer(config: VasConfig) -> ReportSigner | None:
    """Read the report key, None where there is none; raises `HostError` or `InputError`."""
    if config.report_key is None:
        return None
    key = load_key(config.report_key)
    try:
        check_public_key(key.public_key())
    except Malformed as error:
        raise InputError(f"{config.report_key}: {error.detail}") from error
    return ReportSigner(key, authority_id(spki_der(load_certificates(config.root)[0])))


def _certificate_of(key: PrivateKey) -> x509.Certificate:
    """Make what the envelope wants (O2); a directory has the key, and nothing else in it counts."""
    public = key.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "report key")])
    builder = x509.CertificateBuilder(name, name, public, 1, *_ALWAYS)
    return builder.sign(key, hashes.SHA256())


def _untrusted(detail: str) -> VerificationError:
    return VerificationError("untrusted-authority", "F3", detail)
