"""RSA keys that are the same in every run and stand in no file: primes near numbers that are hashed from a name.

Each prime is the first from a starting number for which (p - 1) is prime to the exponent; only the distances are
written down here. As secret as everything in these tests: not at all.
"""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.parts.der import NULL, bits, integer, oid, sequence

_EXPONENT = 65537
_DISTANCES = {
    1024: (898, 74),
    2047: (266, 552),
    2048: (46, 148),
    8192: (2518, 162),
    8200: (6744, 538),
}


@cache
def rsa_key(size: int) -> rsa.RSAPrivateKey:
    """Return the key whose modulus has exactly this many bits; there is one for each size in the table."""
    high = (size + 1) // 2
    p, q = (
        _start(f"rsa {size} {name}", width) + distance
        for name, width, distance in zip("pq", (high, size - high), _DISTANCES[size], strict=True)
    )
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    dp, dq, inverse = d % (p - 1), d % (q - 1), pow(q, -1, p)
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, dp, dq, inverse, public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)  # the test of the largest takes seconds


def rsa_spki(n: int, e: int) -> bytes:
    """Return the SubjectPublicKeyInfo of any two numbers (RFC 8017 appendix A.1.1)."""
    return sequence(sequence(oid("1.2.840.113549.1.1.1"), NULL), bits(sequence(integer(n), integer(e))))


def _start(label: str, width: int) -> int:
    """Return an odd number of `width` bits, the two highest set, so that two such give a product of full width."""
    drawn = int.from_bytes(hashlib.shake_256(label.encode()).digest((width + 7) // 8)) >> (-width % 8)
    return drawn | 3 << (width - 2) | 1
