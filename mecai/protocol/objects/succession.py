"""What a server says of its own next certificate (docs/spec H6), signed with the key of the one before.

    Succession ::= SEQUENCE {
        version            INTEGER (1),
        oldCertificateHash OCTET STRING (SIZE (32)),
        newCertificateHash OCTET STRING (SIZE (32)),
        time               GeneralizedTime }

Parsing checks the shape, `check_succession` of what certificate it speaks and when; whether the log knows the old one
well enough, `mecai.vas.hold` judges.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import under_rule
from mecai.protocol import oids
from mecai.protocol.codec import der
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.statement import VERSION, Hash, Signed, check_version, parse_statement, require
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.keys import PrivateKey


@asn1.sequence
class _Succession:
    version: int
    old_certificate_hash: Hash
    new_certificate_hash: Hash
    time: asn1.GeneralizedTime


@dataclass(frozen=True)
class Succession:
    """The server with the old certificate says at `time` that the new one is its next; hashes are SHA-256 of DER."""

    old: bytes
    new: bytes
    time: datetime

    def __post_init__(self) -> None:
        require(self.old != self.new, "newCertificateHash: is the old certificate's own")

    def sign(self, key: PrivateKey, certificate: x509.Certificate) -> bytes:
        """Return the DER statement, signed with the key of the old `certificate`."""
        value = _Succession(
            version=VERSION,
            old_certificate_hash=self.old,
            new_certificate_hash=self.new,
            time=der.generalized(self.time),
        )
        return sign_content(oids.ID_CT_SUCCESSION, der.encode(value), key, certificate)


def parse_succession(encoded: bytes) -> Signed[Succession]:
    """Parse a DER succession; raises `Malformed` (H6)."""
    with under_rule("H6"):
        signed = parse_statement(encoded, oids.ID_CT_SUCCESSION)
        value = der.decode(_Succession, signed.content, "Succession", LIMITS.voucher_size)
        check_version(value.version)
        time = der.moment(value.time, "time")
        return Signed(Succession(value.old_certificate_hash, value.new_certificate_hash, time), signed)


def check_succession(signed: Signed[Succession], certificate: x509.Certificate, now: datetime) -> None:
    """Refuse, as `Malformed` (H6), a statement of another certificate or day; its signature is not looked at."""
    statement = signed.statement
    with under_rule("H6"):
        require(statement.new == hash_of(certificate), "newCertificateHash: is that of another certificate")
        own = statement.old == hash_of(signed.signed.certificate)
        require(own, "oldCertificateHash: is not that of the certificate in the statement")
        timely = now - LIMITS.succession_age <= statement.time <= now + LIMITS.clock_skew
        said = f"{statement.time:%Y-%m-%dT%H:%M:%SZ}"
        require(timely, f"time: {said} is not of the last {LIMITS.succession_age}")
