"""Certificate revocation lists (RFC 5280 section 5): complete and direct."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.storage.keystore import CaCredential
from mecai.ca.storage.records import Issuer, Revocation
from mecai.errors import HostError
from mecai.protocol.pki.algorithms import for_key
from mecai.protocol.pki.certificates import FAULTS
from mecai.service import durable


@dataclass(frozen=True)
class PublishedCrl:
    """A DER CRL; `span` is thisUpdate and nextUpdate."""

    der: bytes
    span: tuple[datetime, datetime]


def crl_name(issuer: Issuer) -> str:
    """Return the file name of an issuer's CRL."""
    return f"{issuer}.crl"


def sign_crl(
    issuer: CaCredential, revoked: Sequence[tuple[int, Revocation]], number: int, now: datetime, life: timedelta
) -> bytes:
    """Return the DER CRL over those serial numbers; `number` counts upwards (section 5.2.3)."""
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + life)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    for serial, revocation in revoked:
        builder = builder.add_revoked_certificate(_revoked(serial, revocation))
    return builder.sign(issuer.key, for_key(issuer.key).digest.hash).public_bytes(Encoding.DER)


def read_crl(public: Path, issuer: Issuer, now: datetime) -> PublishedCrl | None:
    """Return what an issuer published, None where it published none.

    Raises `HostError` for what nobody should rely on: dated ahead, out of date, or no CRL at all.
    """
    path = public / crl_name(issuer)
    with durable.host_errors(path, "read"):
        if not path.exists():
            return None
        der = path.read_bytes()
    try:
        crl = x509.load_der_x509_crl(der)
        start, end = crl.last_update_utc, crl.next_update_utc
    except FAULTS as error:
        raise HostError(f"{path}: holds no CRL ({error}); remove it and run: mecai ca publish") from error
    if end is None or not start <= now < end:
        raise HostError(f"{path}: holds from {start} to {end} and now is {now}; run: mecai ca publish")
    return PublishedCrl(der, (start, end))


def _revoked(serial: int, revocation: Revocation) -> x509.RevokedCertificate:
    """Return one line of the list; `unspecified` is said by silence (section 5.3.1)."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revocation.time)
    if revocation.reason is not x509.ReasonFlags.unspecified:
        builder = builder.add_extension(x509.CRLReason(revocation.reason), critical=False)
    return builder.build()
