"""What a probe offers, so that a server with several certificates shows the one that is asked for (docs/spec P2).

TLS has one list, `signature_algorithms`, for the server's own signature and for those in its certificates, unless the
client sends `signature_algorithms_cert` too (RFC 8446 section 4.2.3), which OpenSSL cannot. Servers that take the list
at its word (Java, OpenSSL's `-strict`) show no chain with a signature beyond it; but each scheme more may let another
key in. So there is a first offer, which only the right key can serve, and a second one for where that fails, which the
whole chain can serve. The second one also offers to agree on a key by ML-KEM, beside X25519, for servers that do it no
other way: that is a fifth of a probe's work, to keep secret what has no secret in it.

Keys are agreed on by elliptic curves alone. In the Diffie-Hellman of TLS 1.2 over finite fields it is the server who
chooses the group, and one of 8192 bits costs two hundred handshakes (ADR 0050).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import PublicKeyAlgorithmOID, SignatureAlgorithmOID

from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.keys import public_key_of


class KeyType(StrEnum):
    """The key of a server's certificate, as far as it decides what the probe offers."""

    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    ED25519 = "ed25519"
    RSA = "rsa"
    RSA_PSS = "rsa-pss"


# SignatureScheme names of RFC 8446 section 4.2.3.
_RSAE: Final = ("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512")
_PSS: Final = ("rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512")
_PKCS1: Final = ("rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512")
_KEY_SCHEMES: Final = {
    KeyType.P256: ("ecdsa_secp256r1_sha256",),
    KeyType.P384: ("ecdsa_secp384r1_sha384",),
    KeyType.P521: ("ecdsa_secp521r1_sha512",),
    KeyType.ED25519: ("ed25519",),
    KeyType.RSA: (*_RSAE, *_PKCS1),
    KeyType.RSA_PSS: _PSS,
}
# By what a certificate was signed, the schemes that stand for it. PKCS #1 is not here, for it is always offered.
_CERTIFICATE_SCHEMES: Final = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: ("ecdsa_secp256r1_sha256",),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: ("ecdsa_secp384r1_sha384",),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: ("ecdsa_secp521r1_sha512",),
    SignatureAlgorithmOID.ED25519: ("ed25519",),
    SignatureAlgorithmOID.RSASSA_PSS: (*_RSAE, *_PSS),
}
_CURVES: Final = {"secp256r1": KeyType.P256, "secp384r1": KeyType.P384, "secp521r1": KeyType.P521}
# OpenSSL's names of groups, a key share sent for those with an asterisk (SSL_CTX_set1_groups(3)).
_GROUPS: Final = "*X25519:secp256r1:secp384r1:secp521r1"
_HYBRID: Final = f"*X25519MLKEM768:{_GROUPS}"
# OpenSSL's names of the TLS 1.2 suites (ciphers(1)).
_ECDSA_SUITES: Final = "ECDHE+aECDSA"  # for EdDSA too (RFC 8422 section 5.1.3)
_RSA_SUITES: Final = "ECDHE+aRSA"


class NoServerKey(HostError):
    """A key that no TLS server can use."""


@dataclass(frozen=True)
class Offer:
    """What a ClientHello offers: for a server's key and, in `chain_schemes`, for the signatures in its chain.

    `hybrid` key agreement is by ML-KEM too.
    """

    key_type: KeyType
    chain_schemes: tuple[str, ...] = ()
    hybrid: bool = False

    @property
    def schemes(self) -> str:
        """The signature schemes as OpenSSL reads them, the key's first.

        Those of PKCS #1 are always among them: TLS 1.3 has them for certificates alone, and in TLS 1.2 the suites say
        which key may be used.
        """
        return ":".join(dict.fromkeys((*_KEY_SCHEMES[self.key_type], *self.chain_schemes, *_PKCS1)))

    @property
    def groups(self) -> str:
        """The groups of key agreement as OpenSSL reads them."""
        return _HYBRID if self.hybrid else _GROUPS

    @property
    def suites(self) -> str:
        """The cipher suites of TLS 1.2 that a key of this type can serve."""
        return _RSA_SUITES if self.key_type in {KeyType.RSA, KeyType.RSA_PSS} else _ECDSA_SUITES


@lru_cache(LIMITS.remembered_certificates)
def offers_for(chain: tuple[x509.Certificate, ...]) -> tuple[Offer, ...]:
    """Return what a server with this chain, end entity first, can serve, to offer in turn; raises `NoServerKey`."""
    narrow = Offer(_key_type(chain[0]))
    return narrow, Offer(narrow.key_type, tuple(dict.fromkeys(_schemes_of(chain))), hybrid=True)


def _schemes_of(chain: Iterable[x509.Certificate]) -> Iterable[str]:
    for certificate in chain:
        yield from _CERTIFICATE_SCHEMES.get(certificate.signature_algorithm_oid, ())


def _key_type(certificate: x509.Certificate) -> KeyType:
    key = public_key_of(certificate)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return KeyType.ED25519
    if isinstance(key, rsa.RSAPublicKey):
        pss = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
        return KeyType.RSA_PSS if pss else KeyType.RSA
    raise NoServerKey(f"certificate: no TLS server can use its key ({type(key).__name__})")
