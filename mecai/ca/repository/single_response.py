"""One OCSP response about one certificate, signed (RFC 6960 section 4.2.1).

Signed by the issuer itself it has some 290 octets; signed by a delegate it encloses the delegate's certificate and has
some 720. Vouchers and staples carry responses, so that the difference counts.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from mecai.ca.storage.records import Revocation
from mecai.protocol.pki.algorithms import for_key
from mecai.protocol.pki.keys import PrivateKey, PublicKey, check_public_key

SHA1: Final = hashes.SHA1()  # noqa: S303 - names a certificate and signs nothing (RFC 6960 section 4.1.1)
NAMING: Final = {algorithm.name: algorithm for algorithm in (SHA1, hashes.SHA256())}


@dataclass(frozen=True)
class IssuerId:
    """How OCSP names an issuer: hashes of its name and of its key (RFC 6960 section 4.1.1)."""

    name_hash: bytes
    key_hash: bytes
    algorithm: str

    @classmethod
    def of(cls, issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> Self:
        """Return the name of an issuer: what a CertID about any of its certificates says."""
        name, bits = issuer.subject.public_bytes(), _key_bits(check_public_key(issuer.public_key()))
        return cls(_digest(name, algorithm), _digest(bits, algorithm), algorithm.name)

    @classmethod
    def named_in(cls, message: ocsp.OCSPRequest | ocsp.OCSPResponse) -> Self:
        """Return the issuer that a request or a response names."""
        return cls(message.issuer_name_hash, message.issuer_key_hash, message.hash_algorithm.name)


@dataclass(frozen=True)
class SingleResponse:
    """What is said of a serial number, and from when to when that may be relied on."""

    issuer: IssuerId
    serial: int
    issued: bool
    revocation: Revocation | None
    this_update: datetime
    next_update: datetime

    def sign(self, key: PrivateKey, signer: x509.Certificate, *, delegated: bool, nonce: bytes | None = None) -> bytes:
        """Return the DER OCSPResponse; a delegate's certificate goes into it. The nonce is that of the request."""
        builder = self._builder().responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        if delegated:
            builder = builder.certificates([signer])
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.sign(key, for_key(key).digest.hash).public_bytes(Encoding.DER)

    def _builder(self) -> ocsp.OCSPResponseBuilder:
        status = ocsp.OCSPCertStatus.GOOD if self.issued else ocsp.OCSPCertStatus.UNKNOWN
        reason = None
        if self.revocation:
            status = ocsp.OCSPCertStatus.REVOKED
            # RFC 5280 section 5.3.1: unspecified is said by silence.
            reason = self.revocation.reason if self.revocation.reason is not x509.ReasonFlags.unspecified else None
        return ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=self.issuer.name_hash,
            issuer_key_hash=self.issuer.key_hash,
            serial_number=self.serial,
            algorithm=NAMING[self.issuer.algorithm],
            cert_status=status,
            this_update=self.this_update,
            next_update=self.next_update,
            revocation_time=self.revocation.time if self.revocation else None,
            revocation_reason=reason,
        )


def _digest(data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def _key_bits(key: PublicKey) -> bytes:
    """Return what the BIT STRING of a SubjectPublicKeyInfo holds."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
