"""The certificates that anybody can make of one: what its issuer signed, word for word, in other octets.

An ECDSA signature (r, s) holds as (r, n - s) too, n being the order of the issuer's curve; and a BIT STRING that ends
in zero bits may call them unused (X.690 section 8.6.2). Each has a hash (I4) of its own. ADR 0042 says why nothing else
can be changed without the issuer.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import certificate_hash

# Of every curve of K7: which one the issuer has, a certificate does not say. What fits none of them is nobody's hash.
_ORDERS: Final = tuple(curve.group_order for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()))
_OCTET: Final = 8  # bits


@asn1.sequence
class _Certificate:
    tbs: asn1.TLV
    algorithm: asn1.TLV
    signature: asn1.BitString


@lru_cache(LIMITS.remembered_certificates)
def equivalent_hashes(certificate: x509.Certificate) -> frozenset[bytes]:
    """Return the SHA-256 of a certificate and of each that anybody can make of it: they are one to an operator (X4)."""
    parts = asn1.decode_der(_Certificate, certificate.public_bytes(Encoding.DER))
    return frozenset(
        certificate_hash(der.encode(_Certificate(tbs=parts.tbs, algorithm=parts.algorithm, signature=written)))
        for signature in _signatures(certificate.signature)
        for written in _bit_strings(signature)
    )


def _signatures(signature: bytes) -> Iterator[bytes]:
    """Return a signature, and each that holds where it does."""
    yield signature
    try:
        r, s = decode_dss_signature(signature)
    except (
        ValueError
    ):  # it is no ECDSA signature; one of RSA is a number below the modulus, and there is one such number
        return
    yield from (encode_dss_signature(r, order - s) for order in _ORDERS if 0 < s < order)


def _bit_strings(octets: bytes) -> Iterator[asn1.BitString]:
    """Return each BIT STRING that the library reads as these octets."""
    zeros = next((bit for bit in range(_OCTET) if octets[-1] >> bit & 1), _OCTET - 1) if octets else 0
    yield from (asn1.BitString(octets, unused) for unused in range(zeros + 1))
