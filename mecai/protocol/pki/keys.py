"""The keys of version 1 (rules K3, K7): P-256, P-384, RSA of 2048 to 8192 bits; in a server's chain P-521 as well.

What a stranger's certificate holds can be made to cost much: a verification with an RSA key takes as long as its
exponent has bits. `check_cost` bounds that for every certificate and key that comes in.
"""

from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_CURVES: Final = (ec.SECP256R1.name, ec.SECP384R1.name)
_RSA_LEAST, _RSA_MOST = LIMITS.rsa_bits


@dataclass(frozen=True)
class UnknownKey:
    """A key of an algorithm that the library does not know: no verification has it, and a certificate may."""

    why: str


def public_key_of(certificate: x509.Certificate) -> object:
    """Return a certificate's public key, of whatever kind; raises `ValueError` for octets that are none of theirs."""
    try:
        return certificate.public_key()
    except UnsupportedAlgorithm as error:
        return UnknownKey(str(error))


def check_public_key(key: object) -> PublicKey:
    """Return the key when version 1 allows it; raises `Malformed` with its name otherwise."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and _RSA_LEAST <= key.key_size <= _RSA_MOST:
        return key
    raise Malformed(f"key {_key_name(key)} is none of P-256, P-384, RSA of {_RSA_LEAST} to {_RSA_MOST} bits")


def load_public_key(der: bytes) -> PublicKey:
    """Return the key of a DER SubjectPublicKeyInfo when version 1 allows it; raises `Malformed` otherwise."""
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("no DER SubjectPublicKeyInfo") from error
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != der:
        raise Malformed("no DER SubjectPublicKeyInfo")  # the library reads PKCS #1 as well
    check_cost(key)
    return check_public_key(key)


def check_server_key(key: object) -> None:
    """Refuse, as `Malformed`, a key that no certificate of a TLS server's chain may have (rule K7)."""
    if not (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == ec.SECP521R1.name):
        check_public_key(key)


def has_server_key(certificate: x509.Certificate) -> bool:
    """Say whether a server's path may go through its key (K7). Where it may not, another is searched (12.2)."""
    try:
        check_server_key(public_key_of(certificate))
    except Malformed:
        return False
    return True


def check_cost(key: object) -> None:
    """Refuse, as `Malformed`, an RSA key with which a verification takes long: too many bits of modulus or exponent.

    And one whose modulus is even, which is none; that of its exponent the library sees (rule K7).
    """
    if not isinstance(key, rsa.RSAPublicKey):
        return
    if key.public_numbers().n % 2 == 0:
        raise Malformed("RSA key with an even modulus")
    seen = key.key_size, key.public_numbers().e.bit_length()
    if seen[0] > LIMITS.rsa_read_bits[0] or seen[1] > LIMITS.rsa_read_bits[1]:
        most = "at most {} and {} are read".format(*LIMITS.rsa_read_bits)
        raise Malformed(f"RSA key of {seen[0]} bits with an exponent of {seen[1]} bits; {most}")


def _key_name(key: object) -> str:
    if isinstance(key, UnknownKey):
        return f"({key.why})"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    return type(key).__name__.removesuffix("PublicKey")
