# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""E6: a valid `revoked`, from every place where one may stand."""

import hashlib
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.certificates import (
    extension,
)
from tests.conformance.parts.der import (
    explicit,
    integer,
    octets,
    sequence,
)
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.parts.status import Evidence, by_ocsp, ocsp
from tests.conformance.parts.voucher import Voucher, addresses
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    GOOD,
    SITE,
    accepted,
    of,
    refused,
    voucher,
    without_voucher,
)
from tests.pki import DAY, HOUR, NOW, issue, key, leaf_extensions

_ISSUING = ALDER.issuing
_SPAN = (NOW - DAY, NOW + 30 * DAY)
_RESPONDER = issue(
    "responder", key("responder"), _ISSUING, leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING), span=_SPAN
)


def _extensions(*items: bytes) -> bytes:
    return explicit(1, sequence(*items))


_GONE = ocsp(SITE, "revoked")
_REVOKING = [by_ocsp(SITE, _GONE), by_ocsp(_ISSUING)]


def _beside(authority: Any, response: bytes, **changes: Any) -> Voucher:
    """Return a voucher that encloses a response for an intermediate that the path does not need."""
    named = [
        *map(by_ocsp, (SITE, _ISSUING)),
        Evidence(bytes(32), 0, (NOW - HOUR, NOW + DAY), hashlib.sha256(response).digest(), response),
    ]
    hashes = sequence(octets(hashlib.sha256(_ISSUING.der).digest()), octets(bytes(32)))
    return of(authority, evidence=named, info={"intermediateHashes": hashes, **changes})


@case("E6", "V11")
def e6_in_a_voucher_that_passes() -> Situation:
    """Birch's voucher is good. What it encloses for an intermediate beside the path calls the end entity revoked."""
    return refused("revoked", _beside(BIRCH, _GONE))


@case("E6", "V11")
def e6_good_beside_the_path() -> Situation:
    """The same, but that response says nothing about this server's path."""
    made = _beside(BIRCH, ocsp(ALDER.server("other.example.test"), "revoked"))
    return accepted(made)


@case("E6", "V5", "V11")
def e6_in_the_place_of_the_authoritys_own() -> Situation:
    """In the place of the authority's own status there is one that calls the end entity revoked."""
    return refused("revoked", voucher(status=_GONE))


@case("E6", "V4", "V11")
def e6_in_a_forged_voucher() -> Situation:
    """Cedar's voucher is forged, and encloses what the issuer signed: the end entity is revoked. Birch's is good."""
    forged = of(CEDAR, evidence=_REVOKING, by=Signer(CEDAR.voucher, ecdsa("sha256"), key("forger")))
    return refused("revoked", GOOD, forged)


@case("E6", "V1")
def e6_in_a_malformed_voucher() -> Situation:
    """Cedar's voucher is of version 2, and encloses that the end entity is revoked. V1: it is not looked into."""
    bad = of(CEDAR, evidence=_REVOKING, info={"version": integer(2)})
    return accepted(GOOD, bad, passing=[GOOD])


@case("E6", "V11", "C1", "C3")
def e6_staple_and_no_voucher() -> Situation:
    """No voucher came, and the staple says that the end entity is revoked. C3: `revoked` goes before `no-voucher`."""
    return without_voucher("revoked", staple=_GONE)


@case("E6", "V11", "C2")
def e6_before_the_quorum() -> Situation:
    """Two vouchers are wanted, birch's alone is good; cedar's is for another address and encloses `revoked`."""
    bad = of(CEDAR, evidence=_REVOKING, info={"addresses": addresses("198.18.0.66")})
    return refused("revoked", GOOD, bad, quorum=2)


@case("E6", "C4")
def e6_of_an_untrusted_chain() -> Situation:
    """The chain is for another name, and the staple calls the end entity revoked. `untrusted` is found first."""
    return refused("untrusted", staple=_GONE, server_name="mail.example.test")


_STAPLES: dict[str, bytes] = {
    "text": b"no response",
    "by a delegate without the purpose": ocsp(
        SITE,
        "revoked",
        by=signer(
            issue(
                "false responder", key("false"), _ISSUING, leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH), span=_SPAN
            )
        ),
    ),
    "about another": ocsp(ALDER.server("other.example.test"), "revoked"),
    "of a damaged signature": _GONE[:-1] + bytes((_GONE[-1] ^ 1,)),
    "with a critical extension": ocsp(
        SITE, "revoked", data={"responseExtensions": _extensions(extension(UNKNOWN, b"", critical=True))}
    ),
    "that is stale": ocsp(SITE, span=(NOW - 30 * DAY, NOW - 29 * DAY)),
    "unknown": ocsp(SITE, "unknown"),
}


@case("E6", "V11", over=_STAPLES)
def e6_staple_that_says_nothing(staple: bytes) -> Situation:
    """The staple is no valid `revoked` ({}). E6: it says nothing, and the voucher is good."""
    return accepted(staple=staple)


@case("E6", "V11")
def e6_staple_by_a_delegate() -> Situation:
    """A delegate of the issuing CA signed the staple that says `revoked`."""
    return refused("revoked", staple=ocsp(SITE, "revoked", by=signer(_RESPONDER)))


@case("E6", "V11")
def e6_staple_from_tomorrow() -> Situation:
    """The staple says `revoked` from tomorrow on. E6: whatever its age."""
    return refused("revoked", staple=ocsp(SITE, "revoked", (NOW + DAY, NOW + 2 * DAY)))
