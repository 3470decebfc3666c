# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""K3, K7, C4, D2: keys of an algorithm that nobody knows yet, which can be read and verify nothing."""

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.certificates import reissued
from tests.conformance.parts.der import bits, oid, sequence
from tests.conformance.parts.directories import content, signed
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.parts.status import by_ocsp, ocsp
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    ENTRIES,
    SITE,
    accepted,
    directory_case,
    refused,
    voucher,
    with_issuing,
)
from tests.pki import DAY, NOW, issue, key, leaf_extensions

_NEW_KEY = sequence(sequence(oid(UNKNOWN)), bits(bytes(32)))
_STRANGER = reissued(CEDAR.root, body={"subjectPublicKeyInfo": _NEW_KEY})
_RESPONDER = issue(
    "responder",
    key("responder"),
    ALDER.issuing,
    leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING),
    span=(NOW - DAY, NOW + 30 * DAY),
)


@case("C4", "K7", "V6")
def c4_stranger_of_a_new_kind_of_key() -> Situation:
    """The server presents one more certificate, with a key of an algorithm that nobody knows yet. It is read (12.5)."""
    return accepted(chain=(*SITE.chain_der, _STRANGER.der))


@case("K3", "V3")
def k3_authority_of_a_new_kind_of_key() -> Situation:
    """Birch's VA certificate has a key of an algorithm that nobody knows yet."""
    renewed = reissued(BIRCH.voucher, body={"subjectPublicKeyInfo": _NEW_KEY})
    return refused("untrusted-authority", voucher(by=Signer(renewed, ecdsa("sha256"), BIRCH.voucher.key)))


@case("K7", "C4")
def k7_issuer_of_a_new_kind_of_key() -> Situation:
    """The issuing CA's certificate has a key of an algorithm that nobody knows yet."""
    return with_issuing(body={"subjectPublicKeyInfo": _NEW_KEY})


@case("D2", "K3")
def d2_publisher_of_a_new_kind_of_key() -> Situation:
    """The directory is signed, it says, by a certificate whose key is of an algorithm that nobody knows yet."""
    renewed = reissued(BIRCH.voucher, body={"subjectPublicKeyInfo": _NEW_KEY})
    by = Signer(renewed, ecdsa("sha256"), BIRCH.voucher.key)
    return directory_case(signed(content(ENTRIES[1]), by), reason="directory-untrusted")


def _answered(status: str) -> bytes:
    """Return a response by a delegate, which encloses a certificate with a key of a new kind before the delegate's."""
    return ocsp(SITE, status, by=signer(_RESPONDER), enclosed=[_STRANGER, _RESPONDER])


@case("V11", "E3", "K3")
def e3_stranger_of_a_new_kind_of_key() -> Situation:
    """A response encloses a certificate with a key of an algorithm that nobody knows yet, then its delegate's."""
    return accepted(voucher(evidence=[by_ocsp(SITE, _answered("good")), by_ocsp(ALDER.issuing)]))


@case("E6", "V11", "E3", "K3")
def e6_stranger_of_a_new_kind_of_key() -> Situation:
    """The same, but that response says that the end entity is revoked."""
    return refused("revoked", voucher(evidence=[by_ocsp(SITE, _answered("revoked")), by_ocsp(ALDER.issuing)]))
