# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""Which of two faults is reported: V1 to V11 pairwise, what goes before vouchers, and C3 among several vouchers."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from tests.conformance.parts.der import integer, time
from tests.conformance.parts.directories import content, distrust, entry, moment, signed
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.parts.status import by_ocsp, ocsp
from tests.conformance.parts.voucher import Voucher, addresses, contexts
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    DOGWOOD,
    ENTRIES,
    GOOD,
    HOST,
    SITE,
    accepted,
    of,
    refused,
    voucher,
    without_voucher,
)
from tests.pki import DAY, HOUR, NOW, ca_extensions, issue, key

_EXPIRED = issue(
    "birch VA",
    key("birch voucher authority"),
    BIRCH.root,
    BIRCH.voucher_extensions(),
    span=(NOW - 300 * DAY, NOW - DAY),
)
_RENEWED = ALDER.server(HOST, days=91)
_ONE_OWNER = signed(content(ENTRIES[0], entry(BIRCH, ownerGroup="alder"), *ENTRIES[2:]))

# The fault by each rule: its reason, fields of VoucherInfo, other arguments of the voucher, the connection's.
_FAULTS: dict[str, tuple[str, dict[str, bytes], dict[str, Any], dict[str, Any]]] = {
    "V1": ("malformed", {"version": integer(2)}, {}, {}),
    "V2": ("not-a-candidate", {}, {}, {"candidates": (CEDAR, DOGWOOD)}),
    "V3": ("untrusted-authority", {}, {"issued": _EXPIRED}, {}),
    "V4": ("bad-signature", {}, {"forged": True}, {}),
    "V5": ("authority-revoked", {}, {"revoked": True}, {}),
    "V6": ("self-endorsed", {}, {}, {"directory": _ONE_OWNER}),
    "V7": ("expired", {"thisUpdate": time(NOW - DAY), "nextUpdate": time(NOW)}, {}, {}),
    "V8": ("certificate-mismatch", {}, {}, {"chain": _RENEWED.chain_der}),
    "V9": ("address-mismatch", {"addresses": addresses("198.18.0.66")}, {}, {}),
    "V10": ("context-missing", {"trustContexts": contexts("GOO")}, {}, {}),
    "V11": ("status-missing", {}, {"unknown": True}, {}),
}


def _made(
    info: dict[str, bytes], *, issued: Any = None, forged: bool = False, revoked: bool = False, unknown: bool = False
) -> Voucher:
    """Return birch's voucher with these faults."""
    issued = issued or BIRCH.voucher
    by = Signer(issued, ecdsa("sha256"), key("forger")) if forged else signer(issued)
    evidence = [by_ocsp(SITE, ocsp(SITE, "unknown")) if unknown else by_ocsp(SITE), by_ocsp(ALDER.issuing)]
    return voucher(info=info, by=by, status=ocsp(issued, "revoked" if revoked else "good"), evidence=evidence)


_PAIRS = {f"{first} and {second}": (first, second) for first, second in combinations(_FAULTS, 2)}


@case(*_FAULTS, over=_PAIRS)
def order_of(rules: tuple[str, str]) -> Situation:
    """Birch's voucher breaks two rules, {}. The first one in the order of section 6.2 is reported."""
    info: dict[str, bytes] = {}
    arguments: dict[str, Any] = {}
    connection: dict[str, Any] = {}
    for rule in rules:
        _, fields, others, around = _FAULTS[rule]
        info |= fields
        arguments |= others
        connection |= around
    return refused(_FAULTS[rules[0]][0], _made(info, **arguments), **connection)


_LONG = {"thisUpdate": time(NOW + DAY), "nextUpdate": time(NOW + 5 * DAY)}


@case("V7")
def order_too_long_and_from_the_future() -> Situation:
    """The voucher begins tomorrow and lasts four days: too long (`malformed`) goes before too early."""
    return refused("malformed", voucher(info=_LONG))


@case("V7")
def order_too_long_and_ended() -> Situation:
    """The voucher lasted four days and ended yesterday: too long (`malformed`) goes before too late."""
    return refused("malformed", voucher(info={"thisUpdate": time(NOW - 5 * DAY), "nextUpdate": time(NOW - DAY)}))


@case("V8", "V9")
def order_intermediate_and_address() -> Situation:
    """The voucher names no intermediate of the path and another address."""
    chain = (
        SITE.der,
        issue(
            "alder issuing CA",
            ALDER.issuing.key,
            ALDER.root,
            ca_extensions(ALDER.issuing.key, 0),
            span=(NOW - HOUR, NOW + DAY),
        ).der,
    )
    made = voucher(info={"addresses": addresses("198.18.0.66")})
    return refused("intermediates-mismatch", made, chain=chain)


@case("V9", "V10")
def order_unknown_address_and_context() -> Situation:
    """The client does not know the server's address, and the voucher has none of its contexts."""
    return refused("address-unknown", voucher(info={"trustContexts": contexts("GOO")}), peer_address=None)


@case("V11", "E3")
def order_of_two_certificates() -> Situation:
    """The end entity's status is stale, the issuing CA's is missing: the end entity comes first."""
    evidence = [by_ocsp(SITE, span=(NOW - DAY, NOW)), by_ocsp(ALDER.issuing, ocsp(ALDER.issuing, "unknown"))]
    return refused("status-stale", voucher(evidence=evidence))


# Before the vouchers

_DISTRUSTED = signed(content(*ENTRIES, distrust=[distrust(ALDER.issuing, NOW - DAY)]))
_GONE = ocsp(SITE, "revoked")
_EXPIRED_DIRECTORY = signed(content(*ENTRIES, issued=moment(NOW - 8 * DAY), expires=moment(NOW - DAY)))
_BEFORE: dict[str, tuple[str, dict[str, Any]]] = {
    "an expired directory before an untrusted chain": (
        "directory-expired",
        {"directory": _EXPIRED_DIRECTORY, "server_name": "mail.example.test"},
    ),
    "an untrusted chain before a distrusted CA": (
        "untrusted",
        {"directory": _DISTRUSTED, "server_name": "mail.example.test"},
    ),
    "a distrusted CA before a revoked certificate": ("distrusted", {"directory": _DISTRUSTED, "staple": _GONE}),
    "an untrusted chain before an unknown address": (
        "untrusted",
        {"server_name": "mail.example.test", "peer_address": None},
    ),
    "a revoked certificate before an unknown address": ("revoked", {"staple": _GONE, "peer_address": None}),
    "a revoked certificate before a strange authority": ("revoked", {"staple": _GONE, "candidates": (CEDAR,)}),
}


@case("C4", "C3", "E6", "D4", "V11", over=_BEFORE)
def order_with(fault: tuple[str, dict[str, Any]]) -> Situation:
    """Two things are wrong with the connection: {} (section 12.1)."""
    reason, changes = fault
    return refused(reason, **changes)


_WITHOUT: dict[str, tuple[str, dict[str, Any]]] = {
    "an untrusted chain": ("untrusted", {"server_name": "mail.example.test"}),
    "a distrusted CA": ("distrusted", {"directory": _DISTRUSTED}),
    "a proxy": ("no-voucher", {"peer_address": None}),
    "nobody in the directory to ask": ("no-voucher", {"directory": signed(content(ENTRIES[0]))}),
}


@case("C1", "C4", over=_WITHOUT)
def order_without_voucher_and(fault: tuple[str, dict[str, Any]]) -> Situation:
    """No voucher came, and there is {} besides."""
    reason, changes = fault
    return without_voucher(reason, **changes)


# C3

_ELSEWHERE = {"addresses": addresses("198.18.0.66")}
_FOREIGN = {"trustContexts": contexts("GOO")}
_TWO: dict[str, tuple[Sequence[dict[str, bytes]], str]] = {
    "the address first": ((_ELSEWHERE, _FOREIGN), "address-mismatch"),
    "the context first": ((_FOREIGN, _ELSEWHERE), "context-missing"),
}


@case("C3", "V9", "V10", over=_TWO)
def c3_two_of_one_candidate(order: tuple[Sequence[dict[str, bytes]], str]) -> Situation:
    """Birch has two vouchers, one for another address and one of another context; {}. C3: the first that came."""
    infos, reason = order
    return refused(reason, *(voucher(info=info) for info in infos))


@case("C3", "V1", "V2")
def c3_malformed_before_strangers() -> Situation:
    """What came is text, and a voucher of an authority that nobody asked for. C3: neither is a candidate's."""
    return refused("malformed", b"text", of(CEDAR), candidates=(BIRCH,))


@case("C3", "V1", "V2")
def c3_strangers_before_malformed() -> Situation:
    """What came is a voucher of an authority that nobody asked for, and text. C3: the first that came."""
    return refused("not-a-candidate", of(CEDAR), b"text", candidates=(BIRCH,))


@case("C3", "V1", "V11")
def c3_candidates_before_malformed() -> Situation:
    """Text came, and dogwood's voucher, whose evidence is missing; dogwood is the client's third candidate."""
    evidence = [by_ocsp(SITE, ocsp(SITE, "unknown")), by_ocsp(ALDER.issuing)]
    return refused("status-missing", b"text", of(DOGWOOD, evidence=evidence))


@case("C2", "C3")
def c3_quorum_before_malformed() -> Situation:
    """Two vouchers are wanted; text came, and birch's good one."""
    return refused("quorum", b"text", GOOD, quorum=2)


@case("C2")
def c2_two_owners_of_three_vouchers() -> Situation:
    """Two vouchers are wanted; birch and cedar are of one owner, dogwood of another: two owners vouch."""
    entries = (ENTRIES[0], entry(BIRCH, ownerGroup="woods"), entry(CEDAR, ownerGroup="woods"), ENTRIES[3])
    return accepted(GOOD, of(CEDAR), of(DOGWOOD), quorum=2, directory=signed(content(*entries)))
