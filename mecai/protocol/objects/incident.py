"""What a VA tells all others about a CA or a certificate that it holds to be dangerous (docs/spec F6).

    Incident ::= SEQUENCE {
        version    INTEGER (1),
        authority  OCTET STRING (SIZE (8)),
        subject    CHOICE { caKey [0] OCTET STRING (SIZE (32)), certificate [1] OCTET STRING (SIZE (32)) },
        time       GeneralizedTime,
        reason     UTF8String (SIZE (1..1000)) }

Parsing checks the shape; whose signature it is, and whether its time has come, `mecai.vas.reports` judges.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import under_rule
from mecai.protocol import oids
from mecai.protocol.codec import der
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.statement import VERSION, Signed, check_version, parse_statement, require
from mecai.protocol.pki.identity import AUTHORITY_ID_SIZE, HASH_SIZE
from mecai.protocol.pki.keys import PrivateKey


@asn1.sequence
class _Incident:
    version: int
    authority: Annotated[bytes, asn1.Size.exact(AUTHORITY_ID_SIZE)]
    ca_key: Annotated[bytes | None, asn1.Explicit(0)]  # this and the next: a CHOICE
    certificate: Annotated[bytes | None, asn1.Explicit(1)]
    time: asn1.GeneralizedTime
    reason: Annotated[str, asn1.Size(1, LIMITS.reason_length)]


class Kind(StrEnum):
    """What a SHA-256 names: a CA, by its SubjectPublicKeyInfo, or one certificate, by its DER."""

    CA = "ca"
    CERTIFICATE = "certificate"


@dataclass(frozen=True)
class Incident:
    """The VA `authority` says at `time` that nobody should vouch for what is below `subject`, and why."""

    authority: bytes
    kind: Kind
    subject: bytes
    time: datetime
    reason: str

    def __post_init__(self) -> None:
        require(len(self.subject) == HASH_SIZE, f"subject: expected {HASH_SIZE} octets")
        fits = 0 < len(self.reason) <= LIMITS.reason_length and self.reason.isprintable()
        require(fits, f"reason: expected 1 to {LIMITS.reason_length} printable characters")

    def encode(self) -> bytes:
        """Return the DER of what is signed."""
        value = _Incident(
            version=VERSION,
            authority=self.authority,
            ca_key=self.subject if self.kind is Kind.CA else None,
            certificate=self.subject if self.kind is Kind.CERTIFICATE else None,
            time=der.generalized(self.time),
            reason=self.reason,
        )
        return der.encode(value)

    def sign(self, key: PrivateKey, certificate: x509.Certificate) -> bytes:
        """Return the DER notice, signed with a VA's report key (K4)."""
        return sign_content(oids.ID_CT_INCIDENT, self.encode(), key, certificate)


def parse_incident(encoded: bytes) -> Signed[Incident]:
    """Parse a DER incident notice; raises `Malformed` (F6)."""
    with under_rule("F6"):
        signed = parse_statement(encoded, oids.ID_CT_INCIDENT)
        value = der.decode(_Incident, signed.content, "Incident", LIMITS.voucher_size)
        check_version(value.version)
        require((value.ca_key is None) != (value.certificate is None), "subject: expected one of caKey, certificate")
        kind = Kind.CERTIFICATE if value.ca_key is None else Kind.CA
        subject = value.ca_key or value.certificate or b""
        time = der.moment(value.time, "time")
        return Signed(Incident(value.authority, kind, subject, time, value.reason), signed)
