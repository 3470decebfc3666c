"""Rules V1 to V11, each from both sides; the times at their edges."""

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.protocol.objects.authorities import Distrust
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import address_octets, spki_hash
from mecai.protocol.verify.connection import examine_path, judge_at, verify_voucher
from mecai.protocol.verify.rules import Policy, Presented, Vouched
from tests.pki import DAY, HOUR, NOW, Issued, ca_extensions, issue, key, rsa_key
from tests.scene import ADDRESS, HOST, Scene, authority_entry, directory_of, ocsp_evidence, refuses

SCENE = Scene()
ALDER, BIRCH, CEDAR = SCENE.alder, SCENE.birch, SCENE.cedar
EVIDENCE = SCENE.evidence()
GOOD = SCENE.voucher(BIRCH, evidence=EVIDENCE)
INFO = parse_voucher(GOOD).info
SECOND = timedelta(seconds=1)


def judge(der: bytes, **changes: Any) -> Vouched:
    """Judge one voucher in the scene; `changes` replace arguments of `verify_voucher`, or fields of the policy."""
    fields = {name: changes.pop(name) for name in list(changes) if name in Policy.__dataclass_fields__}
    arguments: dict[str, Any] = {
        "presented": SCENE.presented,
        "directory": SCENE.directory,
        "policy": replace(SCENE.policy, **fields),
        "now": NOW,
    }
    return verify_voucher(der, **{**arguments, **changes})


def test_a_good_voucher_passes_every_rule() -> None:
    vouched = judge(GOOD)
    assert vouched.authority.name == "birch"
    assert vouched.statuses == INFO.status_evidence
    assert vouched.next_update == INFO.next_update


def test_v1_malformed() -> None:
    with refuses("malformed", "V1"):
        judge(GOOD + b"\0")


def test_v2_only_candidates() -> None:
    with refuses("not-a-candidate", "V2"):
        judge(GOOD, candidates=SCENE.policy.candidates[1:])
    judge(GOOD, candidates=SCENE.policy.candidates[:1])


# The authority: V3 to V6


def test_v3_unknown_authority() -> None:
    with refuses("untrusted-authority", "V3"):
        judge(GOOD, directory=directory_of(authority_entry(ALDER), authority_entry(CEDAR)))


def test_v3_one_authority_in_the_name_of_another() -> None:
    """Cedar's certificate and signature under birch's id."""
    with refuses("untrusted-authority", "V3"):
        judge(SCENE.voucher(BIRCH, signer=CEDAR.voucher, authority_status=CEDAR.ocsp(CEDAR.voucher)))


def test_v3_a_certificate_of_the_owners_other_root() -> None:
    """Only the root that the id names may have issued it, not just any root of the entry."""
    entry = replace(authority_entry(BIRCH), roots=(BIRCH.root.certificate, CEDAR.root.certificate))
    directory = directory_of(authority_entry(ALDER), entry)
    judge(GOOD, directory=directory)
    with refuses("untrusted-authority", "V3"):
        judge(
            SCENE.voucher(BIRCH, signer=CEDAR.voucher, authority_status=CEDAR.ocsp(CEDAR.voucher)), directory=directory
        )


def test_v3_a_server_certificate_signs_no_voucher() -> None:
    server = BIRCH.server("vas.birch.test", parent=BIRCH.root)
    with refuses("untrusted-authority", "V3"):
        judge(SCENE.voucher(BIRCH, signer=server))


def test_v3_a_distrusted_root() -> None:
    entry = Distrust(spki_hash(BIRCH.root.certificate), NOW, "stolen")
    with refuses("untrusted-authority", "V3"):
        judge(GOOD, directory=replace(SCENE.directory, distrust=(entry,)))
    later = replace(entry, time=NOW + SECOND)
    judge(GOOD, directory=replace(SCENE.directory, distrust=(later,)))


@pytest.mark.parametrize("subject_key", [key("va", ec.SECP384R1), rsa_key("va")], ids=["P-384", "RSA"])
def test_v4_other_keys_sign_too(subject_key: Any) -> None:
    span = (NOW - DAY, NOW + DAY)
    signer = issue("birch VA", subject_key, BIRCH.root, BIRCH.voucher_extensions(), span=span)
    judge(SCENE.voucher(BIRCH, signer=signer))


def test_v4_signature_of_another_key() -> None:
    forged = Issued(BIRCH.voucher.certificate, key("forger"), BIRCH.root)
    with refuses("bad-signature", "V4"):
        judge(SCENE.voucher(BIRCH, signer=forged))


def test_v5_revoked_authority() -> None:
    for delegate in (False, True):
        status = BIRCH.ocsp(BIRCH.voucher, "revoked", delegate=delegate)
        with refuses("authority-revoked", "V5"):
            judge(SCENE.voucher(BIRCH, authority_status=status))


@pytest.mark.parametrize(
    "status",
    [
        BIRCH.ocsp(BIRCH.voucher, "unknown"),
        BIRCH.ocsp(BIRCH.issuing),
        BIRCH.ocsp(BIRCH.voucher, responder=BIRCH.issuing),
        BIRCH.ocsp(BIRCH.voucher, this_update=NOW - 48 * HOUR),
        BIRCH.ocsp(BIRCH.voucher, this_update=NOW + 301 * SECOND),
        BIRCH.ocsp(BIRCH.voucher, this_update=NOW, next_update=NOW + 48 * HOUR + SECOND),
    ],
    ids=["unknown", "another certificate", "another responder", "stale", "future", "longer than 48 hours"],
)
def test_v5_status_of_the_authority(status: bytes) -> None:
    with refuses("authority-status", "V5"):
        judge(SCENE.voucher(BIRCH, authority_status=status))


@pytest.mark.parametrize("begin", [NOW - 48 * HOUR + SECOND, NOW + 300 * SECOND])
def test_v5_edges(begin: Any) -> None:
    judge(SCENE.voucher(BIRCH, authority_status=BIRCH.ocsp(BIRCH.voucher, this_update=begin)))


def test_v5_none_enclosed_and_too_many() -> None:
    with refuses("authority-status", "V5"):
        judge(SCENE.voucher(BIRCH, evidence=EVIDENCE, enclosed=EVIDENCE[:1], authority_status=EVIDENCE[1]))
    with refuses("malformed", "V1"):
        judge(SCENE.voucher(BIRCH, evidence=EVIDENCE, enclosed=[*EVIDENCE, CEDAR.ocsp(CEDAR.issuing)]))


def test_v6_nobody_vouches_for_his_own_house() -> None:
    own = SCENE.voucher(ALDER)
    with refuses("self-endorsed", "V6"):
        judge(own, candidates=(authority_entry(ALDER).authority,))


def test_v6_a_sister_company_is_the_same_house() -> None:
    entries = (authority_entry(ALDER, owner_group="holding"), authority_entry(BIRCH, owner_group="holding"))
    with refuses("self-endorsed", "V6"):
        judge(GOOD, directory=directory_of(*entries))


def test_v6_a_cross_sign_in_the_presented_chain() -> None:
    """The validated path ends at alder; the server also shows alder's CA as certified by birch."""
    cross = issue("alder issuing CA", ALDER.issuing.key, BIRCH.root, ca_extensions(ALDER.issuing.key, 0), span=SPAN)
    presented = replace(SCENE.presented, chain=(*SCENE.site.chain_der, cross.der))
    with refuses("self-endorsed", "V6"):
        judge(GOOD, presented=presented)
    judge(SCENE.voucher(CEDAR, evidence=EVIDENCE), presented=presented)


SPAN = (NOW - DAY, NOW + 300 * DAY)

# What it says: V7 to V10


@pytest.mark.parametrize("now", [INFO.this_update - 300 * SECOND, INFO.next_update - SECOND])
def test_v7_edges(now: Any) -> None:
    evidence = [ALDER.ocsp(item, this_update=NOW - HOUR) for item in (SCENE.site, ALDER.issuing)]
    status = BIRCH.ocsp(BIRCH.voucher, this_update=NOW - HOUR)
    judge(SCENE.voucher(BIRCH, evidence=evidence, authority_status=status), now=now)


def test_v7_not_yet_and_no_longer() -> None:
    begin = NOW - 10 * timedelta(minutes=1)
    status: dict[str, Any] = {"evidence": EVIDENCE, "authority_status": BIRCH.ocsp(BIRCH.voucher)}
    with refuses("not-yet-valid", "V7"):
        judge(SCENE.voucher(BIRCH, this_update=NOW + 301 * SECOND, next_update=NOW + HOUR, **status))
    with refuses("expired", "V7"):
        judge(SCENE.voucher(BIRCH, this_update=begin, next_update=NOW, **status))
    judge(SCENE.voucher(BIRCH, this_update=begin, next_update=NOW + SECOND, **status))


def test_v7_longest_life() -> None:
    longest = SCENE.voucher(BIRCH, this_update=NOW, next_update=NOW + 72 * HOUR)
    judge(longest)
    with refuses("malformed", "V7"):
        judge(SCENE.voucher(BIRCH, this_update=NOW, next_update=NOW + 72 * HOUR + SECOND))
    with refuses("malformed", "V7"):
        judge(longest, max_voucher_lifetime=24 * HOUR)


def test_v7_a_client_may_want_young_vouchers() -> None:
    """It ends with that age, however long the voucher goes on."""
    voucher = SCENE.voucher(BIRCH, this_update=NOW - HOUR, next_update=NOW + HOUR)
    assert judge(voucher, voucher_age=HOUR + SECOND).next_update == NOW + SECOND
    assert judge(voucher, voucher_age=3 * HOUR).next_update == NOW + HOUR
    with refuses("expired", "V7"):
        judge(voucher, voucher_age=HOUR)


def test_v8_another_certificate() -> None:
    other = ALDER.server(HOST, server_key=key("rogue"))
    with refuses("certificate-mismatch", "V8"):
        judge(SCENE.voucher(BIRCH, site=other))


def test_v8_an_intermediate_that_was_not_vouched_for() -> None:
    """The same key under the same name, but another certificate of the issuing CA."""
    again = issue("alder issuing CA", ALDER.issuing.key, ALDER.root, ca_extensions(ALDER.issuing.key, 0), span=SPAN)
    presented = replace(SCENE.presented, chain=(SCENE.site.der, again.der))
    with refuses("intermediates-mismatch", "V8"):
        judge(GOOD, presented=presented)


def test_v8_more_intermediates_than_the_path_needs() -> None:
    presented = replace(SCENE.presented, chain=(*SCENE.site.chain_der, CEDAR.subordinate("x", CEDAR.issuing).der))
    judge(GOOD, presented=presented)


def test_v8_a_chain_without_intermediates() -> None:
    site = ALDER.server(HOST, parent=ALDER.root)
    presented = Presented(site.chain_der, ADDRESS)
    judge(SCENE.voucher(BIRCH, site=site), presented=presented)


@pytest.mark.parametrize(
    "peer", ["198.18.0.10", "::ffff:198.18.0.10", "64:ff9b::198.18.0.10", "2001:db8:64::198.18.0.10", "2001:db8::7"]
)
def test_v9_the_address_in_each_of_its_forms(peer: str) -> None:
    voucher = SCENE.voucher(BIRCH, addresses=(ADDRESS, address_octets("2001:db8::7")))
    prefixes = ("64:ff9b::/96", "2001:db8:64::/96")
    judge(voucher, presented=replace(SCENE.presented, peer_address=octets(peer)), nat64_prefixes=prefixes)


@pytest.mark.parametrize(
    "peer", ["198.18.0.11", "::ffff:198.18.0.11", "64:ff9b::198.18.0.11", "64:ff9b:1::198.18.0.10"]
)
def test_v9_another_address(peer: str) -> None:
    with refuses("address-mismatch", "V9"):
        judge(GOOD, presented=replace(SCENE.presented, peer_address=octets(peer)))


def test_v9_behind_a_proxy() -> None:
    with refuses("address-unknown", "V9"):
        judge(GOOD, presented=replace(SCENE.presented, peer_address=None))


def octets(text: str) -> bytes:
    """Return the octets as a socket would give them, IPv4-mapped ones not unmapped."""
    return ipaddress.ip_address(text).packed


def test_v9_the_port_is_not_compared() -> None:
    judge(SCENE.voucher(BIRCH, probed_port=993))


@pytest.mark.parametrize(
    ("own", "carried"), [(("MOZ",), ("APL", "MOZ")), (("MOZ", "CORP"), ("CORP",)), ((), ()), ((), ("MOZ",))]
)
def test_v10_a_context_of_its_own(own: tuple[str, ...], carried: tuple[str, ...]) -> None:
    judge(SCENE.voucher(BIRCH, trust_contexts=carried), contexts=own)


@pytest.mark.parametrize("carried", [(), ("APL",), ("MOZ-2",)])
def test_v10_missing(carried: tuple[str, ...]) -> None:
    with refuses("context-missing", "V10"):
        judge(SCENE.voucher(BIRCH, trust_contexts=carried))


# What it proves: rule V11


def other_evidence(method: EvidenceMethod, *, first: bool, **changes: Any) -> dict[str, Any]:
    """Return a voucher's arguments with one entry of another method, and no response for it."""
    entries = list(INFO.status_evidence)
    index = 0 if first else 1
    entries[index] = replace(entries[index], method=method, **changes)
    enclosed = EVIDENCE[1:] if first else EVIDENCE[:1]
    return {"evidence": EVIDENCE, "enclosed": enclosed, "status_evidence": tuple(entries)}


def test_v11_crl_relies_on_the_authority() -> None:
    for first in (True, False):
        judge(SCENE.voucher(BIRCH, **other_evidence(EvidenceMethod.CRL, first=first)))


@pytest.mark.parametrize("span", [(NOW - HOUR, NOW), (NOW + 301 * SECOND, NOW + HOUR)])
def test_v11_a_stale_crl(span: tuple[Any, Any]) -> None:
    changes = other_evidence(EvidenceMethod.CRL, first=True, this_update=span[0], next_update=span[1])
    with refuses("status-stale", "V11"):
        judge(SCENE.voucher(BIRCH, **changes))


def test_v11_a_client_may_want_young_lists() -> None:
    span = {"this_update": NOW - HOUR, "next_update": NOW + HOUR}
    voucher = SCENE.voucher(BIRCH, **other_evidence(EvidenceMethod.CRL, first=True, **span))
    assert judge(voucher, crl_age=HOUR + SECOND).next_update == NOW + SECOND
    with refuses("status-stale", "V11"):
        judge(voucher, crl_age=HOUR)


@pytest.mark.parametrize(("days", "good"), [(6.0, True), (6.0 + 1 / 86400, False)])
def test_v11_short_lived_is_at_most_7_days(*, days: float, good: bool) -> None:
    site = ALDER.server(HOST, days=days)  # valid since yesterday
    responses = [ALDER.ocsp(ALDER.issuing)]
    entries = (
        StatusEvidence(ocsp_evidence(site.der, EVIDENCE[0]).certificate_hash, EvidenceMethod.SHORT_LIVED, *LIFE, None),
        ocsp_evidence(ALDER.issuing.der, responses[0]),
    )
    changes: dict[str, Any] = {"site": site, "evidence": EVIDENCE, "enclosed": responses, "status_evidence": entries}
    presented = Presented(site.chain_der, ADDRESS)
    if good:
        judge(SCENE.voucher(BIRCH, **changes), presented=presented)
        return
    with refuses("status-missing", "V11"):
        judge(SCENE.voucher(BIRCH, **changes), presented=presented)


LIFE = (NOW - DAY, NOW + 6 * DAY)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"status": "revoked"}, "revoked"),
        ({"status": "unknown"}, "status-missing"),
        ({"this_update": NOW - 50 * HOUR}, "status-stale"),
        ({"this_update": NOW + 301 * SECOND}, "status-stale"),
        ({"responder": CEDAR.issuing}, "status-missing"),
    ],
    ids=["revoked", "unknown", "stale", "future", "another responder"],
)
def test_v11_each_certificate_must_be_good(index: int, status: dict[str, Any], reason: str) -> None:
    responses = list(EVIDENCE)
    responses[index] = ALDER.ocsp((SCENE.site, ALDER.issuing)[index], **status)
    with refuses(reason, "V11"):
        judge(SCENE.voucher(BIRCH, evidence=responses))


@pytest.mark.parametrize("index", [0, 1])
def test_v11_a_response_that_is_named_but_not_enclosed(index: int) -> None:
    with refuses("status-missing", "V11"):
        judge(SCENE.voucher(BIRCH, evidence=EVIDENCE, enclosed=EVIDENCE[:index] + EVIDENCE[index + 1 :]))


def test_v11_responses_in_the_wrong_place() -> None:
    with refuses("status-missing", "V11"):
        judge(SCENE.voucher(BIRCH, evidence=EVIDENCE[::-1]))


def test_v11_delegated_responders() -> None:
    scene = Scene(delegate=True)
    judge(scene.voucher(scene.birch))


def test_v11_the_end_of_the_first_status_is_the_end() -> None:
    early = ALDER.ocsp(SCENE.site, next_update=NOW + HOUR)
    assert judge(SCENE.voucher(BIRCH, evidence=[early, EVIDENCE[1]])).next_update == NOW + HOUR
    status = BIRCH.ocsp(BIRCH.voucher, next_update=NOW + 2 * HOUR)
    assert judge(SCENE.voucher(BIRCH, evidence=EVIDENCE, authority_status=status)).next_update == NOW + 2 * HOUR


ORDER: list[tuple[str, str, Callable[[], bytes], dict[str, Any]]] = [
    ("malformed", "V1", lambda: b"", {}),
    ("not-a-candidate", "V2", lambda: GOOD, {"candidates": (bytes(8),)}),
    ("untrusted-authority", "V3", lambda: GOOD, {"directory": directory_of(authority_entry(ALDER))}),
]


@pytest.mark.parametrize(("reason", "rule", "der", "changes"), ORDER, ids=[entry[1] for entry in ORDER])
def test_the_first_rule_that_fails_is_reported(
    reason: str, rule: str, der: Callable[[], bytes], changes: dict[str, Any]
) -> None:
    """Nothing else is right either: wrong time, address and context."""
    presented = replace(SCENE.presented, peer_address=bytes(4))
    with refuses(reason, rule):
        judge(der(), presented=presented, contexts=("APL",), now=NOW + 5 * DAY, **changes)


# A server with several addresses: judged once, by the same rules in the same order


OTHER = address_octets("2001:db8::10")


def judge_for(der: bytes, *addresses: bytes | None) -> Vouched:
    """Judge one voucher for a server that has these addresses."""
    chain = SCENE.site.chain
    path = (*chain, ALDER.root.certificate)
    context = examine_path(SCENE.presented, chain, path, SCENE.directory, SCENE.policy, NOW)
    return judge_at(parse_voucher(der), context, addresses)


def test_several_addresses_are_told_apart() -> None:
    both = SCENE.voucher(BIRCH, evidence=EVIDENCE, addresses=(ADDRESS, OTHER))
    assert judge_for(both, OTHER, ADDRESS).addresses == (OTHER, ADDRESS)
    assert judge_for(GOOD, OTHER, ADDRESS).addresses == (ADDRESS,)
    assert judge_for(GOOD, None, ADDRESS).addresses == (ADDRESS,)


def test_v9_refuses_where_no_address_is_vouched_for() -> None:
    with refuses("address-mismatch", "V9"):
        judge_for(GOOD, OTHER, bytes(4))
    for none_known in ((), (None,)):
        with refuses("address-unknown", "V9"):
            judge_for(GOOD, *none_known)


def test_the_first_rule_that_fails_decides_for_all_addresses() -> None:
    foreign = SCENE.voucher(BIRCH, site=ALDER.server("other.example.test"))
    with refuses("certificate-mismatch", "V8"):
        judge_for(foreign, OTHER)
    revoked = SCENE.voucher(BIRCH, evidence=[ALDER.ocsp(SCENE.site, "revoked"), EVIDENCE[1]])
    with refuses("address-mismatch", "V9"):
        judge_for(revoked, OTHER)
    with refuses("revoked", "V11"):
        judge_for(revoked, OTHER, ADDRESS)
