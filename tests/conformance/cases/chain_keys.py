# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""K7: which keys a chain may have, and which are too dear to be looked at."""

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.certificates import (
    reissued_der,
)
from tests.conformance.parts.directories import content, signed, text
from tests.conformance.parts.rsa import rsa_key, rsa_spki
from tests.conformance.parts.signing import Signer, pkcs1
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    CEDAR,
    ENTRIES,
    HOST,
    SITE,
    accepted,
    alder,
    listing,
    refused,
    taken,
    with_issuing,
)
from tests.pki import DAY, NOW, ca_extensions, issue, key, leaf_extensions

_ISSUING, _ROOT = ALDER.issuing, ALDER.root
_SPAN = (NOW - DAY, NOW + 1825 * DAY)

_WEAK = {"RSA of 1024 bits": rsa_key(1024), "RSA of 2047 bits": rsa_key(2047)}


@case("K7", "C4", over=_WEAK)
def k7_ca_key(weak: rsa.RSAPrivateKey) -> Situation:
    """The issuing CA has a key of {}."""
    ca = issue("alder old CA", weak, _ROOT, ca_extensions(weak, 0), span=_SPAN)
    algorithm = pkcs1("sha256")
    parent = Signer(ca, algorithm)
    body = {"issuer": ca.certificate.subject.public_bytes(), "signature": algorithm.identifier}
    return refused("untrusted", chain=(reissued_der(SITE, body=body, by=parent), ca.der), directory=listing(weak))


@case("K7", "C4")
def k7_ca_of_rsa() -> Situation:
    """The issuing CA has an RSA key of 2048 bits and signed the end entity by PKCS #1."""
    rsa_ca = issue("alder RSA CA", rsa_key(2048), _ROOT, ca_extensions(rsa_key(2048), 0), span=_SPAN)
    extensions = leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST])
    site = issue(HOST, key(HOST), rsa_ca, extensions, span=(NOW - DAY, NOW + DAY))
    return taken(site, directory=listing(rsa_ca.key))


_ODD = (1 << 2048) - 1
_NUMBERS = {
    "modulus of 16384 bits": ((1 << 16_384) - 1, 65537, True),
    "modulus of 16385 bits": ((1 << 16_385) - 1, 65537, False),
    "modulus that is even": (_ODD - 1, 65537, False),
    "exponent of 64 bits": (_ODD, (1 << 64) - 1, True),
    "exponent of 65 bits": (_ODD, (1 << 65) - 1, False),
    "exponent of 2048 bits": (_ODD, _ODD - 2, False),
    "exponent that is even": (_ODD, 65536, False),
    "exponent of 1": (_ODD, 1, False),
    "exponent of 3": (_ODD, 3, True),
}


@case("K7", "C4", over=_NUMBERS)
def k7_stranger_with_a(numbers: tuple[int, int, bool]) -> Situation:
    """The server presents a stranger's certificate too, whose RSA key has a {}. K7: what costs too much is not read."""
    n, e, read = numbers
    chain = (*SITE.chain_der, reissued_der(CEDAR.root, body={"subjectPublicKeyInfo": rsa_spki(n, e)}))
    return accepted(chain=chain) if read else refused("untrusted", chain=chain)


_LARGE = rsa_key(8200)
_LARGE_ROOT = issue("alder root", _LARGE, None, ca_extensions(_LARGE, 1), span=_SPAN)


_BY_LARGE = Signer(_LARGE_ROOT, pkcs1("sha256"))
_UNDER_LARGE = reissued_der(_ISSUING, body={"signature": _BY_LARGE.algorithm.identifier}, by=_BY_LARGE)
_TWO_ROOTS = signed(content(alder(_LARGE, roots=[text(_LARGE_ROOT.der), text(_ROOT.der)]), *ENTRIES[1:]))


@case("K7", "C4")
def k7_root_with_a_large_key() -> Situation:
    """The directory lists a second root of alder, with an RSA key of 8200 bits, and the chain leads to that alone."""
    return refused("untrusted", chain=(SITE.der, _UNDER_LARGE), directory=_TWO_ROOTS)


@case("K7", "C4")
def k7_another_root_than_the_large_one() -> Situation:
    """Alder has two roots of one name, and each signed a certificate of the issuing CA.

        root, RSA of 8200 bits -- issuing CA --+
        root                   -- issuing CA --+-- server

    That of the large root comes first. 12.2: a path that ends in a key which K7 does not have hides no other.
    """
    return accepted(chain=(SITE.der, _UNDER_LARGE, _ISSUING.der), directory=_TWO_ROOTS)


@case("K7", "C4", over={"65 bits": (1 << 65) - 1, "1": 1})
def k7_server_with_an_exponent_of(e: int) -> Situation:
    """The end entity itself has an RSA key of 2048 bits with an exponent of {}."""
    return refused(
        "untrusted", chain=(reissued_der(SITE, body={"subjectPublicKeyInfo": rsa_spki(_ODD, e)}), _ISSUING.der)
    )


@case("K7", "C4", over={"65 bits": (1 << 65) - 1, "1": 1})
def k7_issuer_with_an_exponent_of(e: int) -> Situation:
    """The issuing CA's certificate has an RSA key of 2048 bits with an exponent of {}; with 1 all would verify."""
    return with_issuing(body={"subjectPublicKeyInfo": rsa_spki(_ODD, e)})
