"""The signature algorithms of version 1 (rule K3): ECDSA P-256 and P-384, RSA of 2048 to 8192 bits, SHA-2.

An AlgorithmIdentifier is known by its whole DER encoding, parameters included, so that a look-up is at once the check
of the parameters (RFC 5754 for ECDSA, PKCS #1 v1.5 and digests; RFC 4055 section 3.1 for PSS). Everything else is
refused by its name.
"""

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from mecai.errors import InputError, Malformed
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.algorithm_identifiers import (
    MaskGeneration,
    Plain,
    Pss,
    PssParameters,
    WithNull,
    name_of,
    without_parameters,
)
from mecai.protocol.pki.keys import PrivateKey, PublicKey, check_public_key, public_key_of

Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


class Scheme(Enum):
    """How a digest becomes a signature."""

    ECDSA = "ECDSA"
    PKCS1 = "RSA PKCS #1 v1.5"
    PSS = "RSA-PSS"


@dataclass(frozen=True)
class Digest:
    """A digest algorithm with its DER AlgorithmIdentifier, which has no parameters (RFC 5754 section 2)."""

    oid: str
    hash: Hash = field(hash=False)  # the library's has none; the other field says which it is

    @cached_property
    def identifier(self) -> bytes:
        """The DER AlgorithmIdentifier."""
        return der.encode(Plain(algorithm=x509.ObjectIdentifier(self.oid)))

    def of(self, data: bytes) -> bytes:
        """Return the digest of `data`."""
        return hashlib.new(self.hash.name, data).digest()


@dataclass(frozen=True)
class SignatureAlgorithm:
    """A scheme with a digest; `identifier` is the DER AlgorithmIdentifier."""

    name: str
    scheme: Scheme
    digest: Digest
    identifier: bytes

    def sign(self, key: PrivateKey, data: bytes) -> bytes:
        """Sign `data`; ECDSA deterministically (RFC 6979), so that equal input gives equal octets."""
        if isinstance(key, rsa.RSAPrivateKey) and self.scheme is not Scheme.ECDSA:
            return key.sign(data, self._padding, self.digest.hash)
        if isinstance(key, ec.EllipticCurvePrivateKey) and self.scheme is Scheme.ECDSA:
            return key.sign(data, ec.ECDSA(self.digest.hash, deterministic_signing=True))
        raise InputError(f"{self.name} cannot be used with this key")

    def verify(self, key: PublicKey, signature: bytes, data: bytes) -> None:
        """Verify; raises `cryptography.exceptions.InvalidSignature`, also for a key of the other kind."""
        if self.scheme is Scheme.ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, self._ecdsa)
        elif self.scheme is not Scheme.ECDSA and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, self._padding, self.digest.hash)
        else:
            raise InvalidSignature

    @cached_property
    def _ecdsa(self) -> ec.ECDSA:
        return ec.ECDSA(self.digest.hash)

    @cached_property
    def _padding(self) -> padding.PKCS1v15 | padding.PSS:
        if self.scheme is Scheme.PKCS1:
            return padding.PKCS1v15()
        return padding.PSS(padding.MGF1(self.digest.hash), self.digest.hash.digest_size)


SHA256: Final = Digest("2.16.840.1.101.3.4.2.1", hashes.SHA256())
SHA384: Final = Digest("2.16.840.1.101.3.4.2.2", hashes.SHA384())
SHA512: Final = Digest("2.16.840.1.101.3.4.2.3", hashes.SHA512())
_DIGESTS = {digest.identifier: digest for digest in (SHA256, SHA384, SHA512)}


def _ecdsa(oid: str, digest: Digest) -> SignatureAlgorithm:
    encoded = der.encode(Plain(algorithm=x509.ObjectIdentifier(oid)))
    return SignatureAlgorithm(f"ECDSA with {digest.hash.name}", Scheme.ECDSA, digest, encoded)


def _pkcs1(oid: str, digest: Digest) -> SignatureAlgorithm:
    encoded = der.encode(WithNull(algorithm=x509.ObjectIdentifier(oid), parameters=asn1.Null()))
    return SignatureAlgorithm(f"{Scheme.PKCS1.value} with {digest.hash.name}", Scheme.PKCS1, digest, encoded)


def _pss(digest: Digest) -> SignatureAlgorithm:
    hash_algorithm = WithNull(algorithm=x509.ObjectIdentifier(digest.oid), parameters=asn1.Null())
    mgf1 = x509.ObjectIdentifier("1.2.840.113549.1.1.8")
    parameters = PssParameters(
        hash_algorithm=hash_algorithm,
        mask_generation=MaskGeneration(algorithm=mgf1, parameters=hash_algorithm),
        salt_length=digest.hash.digest_size,
    )
    encoded = der.encode(Pss(algorithm=x509.ObjectIdentifier("1.2.840.113549.1.1.10"), parameters=parameters))
    return SignatureAlgorithm(f"{Scheme.PSS.value} with {digest.hash.name}", Scheme.PSS, digest, encoded)


ECDSA_SHA256: Final = _ecdsa("1.2.840.10045.4.3.2", SHA256)
ECDSA_SHA384: Final = _ecdsa("1.2.840.10045.4.3.3", SHA384)
ECDSA_SHA512: Final = _ecdsa("1.2.840.10045.4.3.4", SHA512)
PKCS1_SHA256: Final = _pkcs1("1.2.840.113549.1.1.11", SHA256)
PKCS1_SHA384: Final = _pkcs1("1.2.840.113549.1.1.12", SHA384)
PKCS1_SHA512: Final = _pkcs1("1.2.840.113549.1.1.13", SHA512)
PSS_SHA256: Final = _pss(SHA256)
PSS_SHA384: Final = _pss(SHA384)
PSS_SHA512: Final = _pss(SHA512)
_PKCS1: Final = (PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512)
SIGNATURES: Final = {
    algorithm.identifier: algorithm
    for algorithm in (ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, *_PKCS1, PSS_SHA256, PSS_SHA384, PSS_SHA512)
}
# RFC 4055 section 5: the NULL of PKCS #1 is written, and a reader does without it.
_READ: Final = SIGNATURES | {without_parameters(algorithm.identifier): algorithm for algorithm in _PKCS1}


@lru_cache(LIMITS.remembered_signatures)
def verify_with(certificate: x509.Certificate, algorithm: SignatureAlgorithm, signature: bytes, octets: bytes) -> None:
    """Verify with a certificate's key, which K3 has to allow; raises `InvalidSignature` or `Malformed`.

    That follows from the four alone, whenever it is asked. So those that verified are remembered, and no others.
    """
    algorithm.verify(check_public_key(public_key_of(certificate)), signature, octets)


def digest_named(identifier: bytes) -> Digest:
    """Return the digest with this DER AlgorithmIdentifier; raises `Malformed` with the name of any other."""
    if (digest := _DIGESTS.get(identifier)) is None:
        raise Malformed(f"digest algorithm {name_of(identifier)} is not SHA-2 without parameters")
    return digest


def signature_named(identifier: bytes) -> SignatureAlgorithm:
    """Return the signature algorithm with this DER AlgorithmIdentifier; raises `Malformed` naming any other."""
    if (algorithm := _READ.get(identifier)) is None:
        raise Malformed(f"signature algorithm {name_of(identifier)} is not allowed with these parameters")
    return algorithm


def for_key(key: PrivateKey) -> SignatureAlgorithm:
    """Return the algorithm that this project signs with: by the curve, and PSS for RSA."""
    return for_public_key(key.public_key())


def for_public_key(key: object) -> SignatureAlgorithm:
    """Return the algorithm of `for_key`, by the public half; raises `Malformed` for a key that K3 does not have."""
    key = check_public_key(key)
    if isinstance(key, rsa.RSAPublicKey):
        return PSS_SHA256
    return ECDSA_SHA384 if isinstance(key.curve, ec.SECP384R1) else ECDSA_SHA256
