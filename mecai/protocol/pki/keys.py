"""The keys of version 1 (rule K3): P-256, P-384, RSA of 2048 to 8192 bits."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_CURVES: Final = (ec.SECP256R1.name, ec.SECP384R1.name)
_RSA_LEAST, _RSA_MOST = LIMITS.rsa_bits


def check_public_key(key: object) -> PublicKey:
    """Return the key when version 1 allows it; raises `Malformed` with its name otherwise."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and _RSA_LEAST <= key.key_size <= _RSA_MOST:
        return key
    raise Malformed(f"key {_key_name(key)} is none of P-256, P-384, RSA of {_RSA_LEAST} to {_RSA_MOST} bits")


def _key_name(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    return type(key).__name__.removesuffix("PublicKey")
