"""What a request may cost that is refused before anybody is contacted: no more than one that is not.

Strangers choose the keys and the shape of a chain: the largest keys, exponents of 64 bits, eight CA certificates of one
name and one key that sign each other, so that a path builder goes round and round. CPU time is measured against that of
an honest request at the same moment, on the same machine.
"""

import time
from collections.abc import Callable
from math import gcd

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki import certificates
from tests.conformance.parts.rsa import rsa_key
from tests.pki import DAY, NOW, SERVER_AUTH, Key, ca_extensions, issue, key, leaf_extensions
from tests.unit.vas.outside import ALDER, ONE, REQUEST, Vas

BUDGET = 1.5  # honest requests; measured: 0.3 to 0.6
RUNS = 5
ROOT = str(ALDER.root.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
SPAN = (NOW - DAY, NOW + 90 * DAY)


def dear(bits: int) -> rsa.RSAPrivateKey:
    """Return an RSA key with the largest exponent that is read."""
    numbers = rsa_key(bits).private_numbers()
    p, q = numbers.p, numbers.q
    exponent = (1 << LIMITS.rsa_read_bits[1]) - 1
    while gcd(exponent, (p - 1) * (q - 1)) != 1:
        exponent -= 2
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    private = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return private.private_key(unsafe_skip_rsa_key_validation=True)


def made_up(ca_key: Key, ca_name: str) -> VoucherRequest:
    """Return a request whose chain is a stranger's own: every CA certificate signs every other and the end entity."""
    root = issue(ca_name, ca_key, None, ca_extensions(ca_key, None), span=SPAN)
    loop = [
        issue(ca_name, ca_key, root, ca_extensions(ca_key, None), span=SPAN, serial=1 + number)
        for number in range(LIMITS.intermediates)
    ]
    site = issue("www.example.test", key("www"), root, leaf_extensions(SERVER_AUTH, ["www.example.test"]), span=SPAN)
    return VoucherRequest(site.der, tuple(each.der for each in loop), (ONE,), 443)


def cost(ask: Callable[[], object]) -> float:
    """Return the CPU seconds of all threads, the least of some runs; nothing is remembered from one to the next."""
    runs = []
    for _ in range(RUNS):
        certificates._parse.cache_clear()
        start = time.process_time()
        ask()
        runs.append(time.process_time() - start)
    return min(runs)


@pytest.mark.parametrize("ca_name", ["loop", ROOT], ids=["its own name", "a root's name"])
@pytest.mark.parametrize("ca_key", [dear(8192), key("p521", ec.SECP521R1)], ids=["RSA", "P-521"])
def test_the_dearest_request_that_is_refused_costs_no_more_than_an_honest_one(
    vas: Vas, ca_key: Key, ca_name: str
) -> None:
    honest, made = REQUEST.encode(), made_up(ca_key, ca_name).encode()
    assert len(made) <= LIMITS.request_size
    assert vas.refused(made)[:2] == (403, "untrusted")
    ratio = cost(lambda: vas.ask(made)) / cost(lambda: vas.ask(honest))
    assert ratio < BUDGET, f"{ratio:.1f} honest requests"
