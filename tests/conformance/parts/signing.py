"""Signatures whose octets are the same in every run, by allowed and by forbidden algorithms (docs/spec, K3).

ECDSA takes its nonce from key and message (RFC 6979), Ed25519 and PKCS #1 v1.5 have none, and PSS gets a fixed salt,
for which no library has an argument: RFC 8017 section 9.1.1 is spelled out here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.conformance.parts.der import NULL, explicit, integer, oid, sequence
from tests.pki import Issued

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 clients have to refuse it
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
}
_DIGESTS = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_256": "2.16.840.1.101.3.4.2.8",
}
_ECDSA = {
    "sha1": "1.2.840.10045.4.1",
    "sha224": "1.2.840.10045.4.3.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
    "sha3_256": "2.16.840.1.101.3.4.3.10",
}
_PKCS1 = {
    "sha1": "1.2.840.113549.1.1.5",
    "sha224": "1.2.840.113549.1.1.14",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm with its DER AlgorithmIdentifier and the name of its digest in `hashlib`."""

    identifier: bytes
    digest: str
    sign: Callable[[PrivateKey, bytes], bytes]

    @property
    def digest_identifier(self) -> bytes:
        """The digest's DER AlgorithmIdentifier, without parameters (O3)."""
        return sequence(oid(_DIGESTS[self.digest]))

    def hash(self, data: bytes) -> bytes:
        """Return the digest of data."""
        return hashlib.new(self.digest, data).digest()


def ecdsa(digest: str) -> Algorithm:
    """Return ECDSA with this digest."""
    scheme = ec.ECDSA(_HASHES[digest], deterministic_signing=True)
    return Algorithm(sequence(oid(_ECDSA[digest])), digest, lambda key, data: key.sign(data, scheme))


def pkcs1(digest: str) -> Algorithm:
    """Return RSASSA-PKCS1-v1_5 with this digest."""
    identifier = sequence(oid(_PKCS1[digest]), NULL)
    return Algorithm(identifier, digest, lambda key, data: key.sign(data, padding.PKCS1v15(), _HASHES[digest]))


def pss(digest: str, salt_size: int | None = None, mask: str = "") -> Algorithm:
    """Return RSASSA-PSS with this digest, also in MGF1, and a salt of zeros: as long as the digest unless told."""
    size = hashlib.new(digest).digest_size if salt_size is None else salt_size
    identifier = pss_identifier(digest, size, mask=mask)
    return Algorithm(identifier, digest, lambda key, data: _sign_pss(key, data, digest, bytes(size), mask or digest))


def pss_identifier(
    digest: str,
    size: int = 32,
    *,
    mask: str = "",
    mask_oid: str = "1.2.840.113549.1.1.8",
    null: bytes = NULL,
    more: bytes = b"",
) -> bytes:
    """Return the AlgorithmIdentifier of RSASSA-PSS (RFC 4055 section 3.1), `mask` being the digest of MGF1."""
    hashed, masked = (sequence(oid(_DIGESTS[name]), null) for name in (digest, mask or digest))
    parameters = (explicit(0, hashed), explicit(1, sequence(oid(mask_oid), masked)), explicit(2, integer(size)), more)
    return sequence(oid("1.2.840.113549.1.1.10"), sequence(*parameters))


ED25519 = Algorithm(sequence(oid("1.3.101.112")), "sha512", lambda key, data: key.sign(data))  # RFC 8419


@dataclass(frozen=True)
class Signer:
    """Whose certificate stands in the object, with which algorithm it signs, and with which key if not its own."""

    issued: Issued
    algorithm: Algorithm
    other_key: PrivateKey | None = None

    def sign(self, data: bytes) -> bytes:
        """Return the signature's octets."""
        return self.algorithm.sign(self.other_key or self.issued.key, data)


def signer(issued: Issued, digest: str = "sha256") -> Signer:
    """Return the signer that the specification's readers expect: by the kind of the key, with this digest."""
    return Signer(issued, pss(digest) if isinstance(issued.key, rsa.RSAPrivateKey) else ecdsa(digest))


def _sign_pss(key: rsa.RSAPrivateKey, data: bytes, digest: str, salt: bytes, mask: str) -> bytes:
    """Return EMSA-PSS (RFC 8017 section 9.1.1) raised to the private exponent."""
    size = (key.key_size + 7) // 8
    hashed = hashlib.new(digest, bytes(8) + hashlib.new(digest, data).digest() + salt).digest()
    block = b"\x01" + salt
    block = bytes(size - len(hashed) - 1 - len(block)) + block
    masked = bytearray(a ^ b for a, b in zip(block, _mask(hashed, len(block), mask), strict=True))
    masked[0] &= 0xFF >> (8 * size - (key.key_size - 1))
    numbers = key.private_numbers()
    encoded = int.from_bytes(masked + hashed + b"\xbc")
    return pow(encoded, numbers.d, numbers.public_numbers.n).to_bytes(size)


def _mask(seed: bytes, size: int, digest: str) -> bytes:
    """Return MGF1 (RFC 8017 appendix B.2.1)."""
    blocks = -(-size // hashlib.new(digest).digest_size)
    return b"".join(hashlib.new(digest, seed + index.to_bytes(4)).digest() for index in range(blocks))[:size]
