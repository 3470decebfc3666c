"""Certificate revocation lists (RFC 5280 section 5): complete and direct."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.storage.keystore import CaCredential
from mecai.ca.storage.records import Issuer, Revocation
from mecai.protocol.pki.algorithms import for_key


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


def _revoked(serial: int, revocation: Revocation) -> x509.RevokedCertificate:
    """Return one line of the list; `unspecified` is said by silence (section 5.3.1)."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revocation.time)
    if revocation.reason is not x509.ReasonFlags.unspecified:
        builder = builder.add_extension(x509.CRLReason(revocation.reason), critical=False)
    return builder.build()
