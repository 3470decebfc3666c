"""What another VA says for a certificate that is held (docs/spec H8): it need not wait.

    ExpediteStatement ::= SEQUENCE {
        version         INTEGER (1),
        certificateHash OCTET STRING (SIZE (32)),
        issuedAt        GeneralizedTime,
        expiresAt       GeneralizedTime,
        reason          UTF8String (SIZE (1..1000)) }

Parsing checks the shape; whose signature it is, and whether its time has come, `mecai.vas.hold` judges.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import under_rule
from mecai.protocol import oids
from mecai.protocol.codec import der
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.statement import VERSION, Hash, Signed, check_version, parse_statement, require
from mecai.protocol.pki.keys import PrivateKey


@asn1.sequence
class _ExpediteStatement:
    version: int
    certificate_hash: Hash
    issued_at: asn1.GeneralizedTime
    expires_at: asn1.GeneralizedTime
    reason: Annotated[str, asn1.Size(1, LIMITS.reason_length)]


@dataclass(frozen=True)
class ExpediteStatement:
    """A VA says that a certificate need not wait, from `issued_at` until `expires_at`, and why."""

    certificate_hash: bytes
    issued_at: datetime
    expires_at: datetime
    reason: str

    def __post_init__(self) -> None:
        span, longest = self.expires_at - self.issued_at, LIMITS.expedite_lifetime
        require(self.issued_at < self.expires_at, "expiresAt must be after issuedAt")
        require(span <= longest, f"expiresAt: {span} after issuedAt, more than the {longest} allowed")
        require(
            0 < len(self.reason) <= LIMITS.reason_length, f"reason: expected 1 to {LIMITS.reason_length} characters"
        )

    def encode(self) -> bytes:
        """Return the DER encoding, the octets that are signed."""
        return der.encode(
            _ExpediteStatement(
                version=VERSION,
                certificate_hash=self.certificate_hash,
                issued_at=der.generalized(self.issued_at),
                expires_at=der.generalized(self.expires_at),
                reason=self.reason,
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "ExpediteStatement":
        """Return the value of a strict DER encoding; raises `Malformed`."""
        value = der.decode(_ExpediteStatement, encoded, "ExpediteStatement", LIMITS.voucher_size)
        check_version(value.version)
        issued, expires = der.moment(value.issued_at, "issuedAt"), der.moment(value.expires_at, "expiresAt")
        return cls(value.certificate_hash, issued, expires, value.reason)

    def sign(self, key: PrivateKey, certificate: x509.Certificate) -> bytes:
        """Return the DER statement, signed with a VA's key (K4)."""
        return sign_content(oids.ID_CT_EXPEDITE_STATEMENT, self.encode(), key, certificate)


def parse_expedite(encoded: bytes) -> Signed[ExpediteStatement]:
    """Parse a DER expedite statement; raises `Malformed` (H8)."""
    with under_rule("H8"):
        signed = parse_statement(encoded, oids.ID_CT_EXPEDITE_STATEMENT)
        return Signed(ExpediteStatement.decode(signed.content), signed)
