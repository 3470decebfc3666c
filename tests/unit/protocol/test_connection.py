"""Rules of the connection: C1 to C4, E6."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.protocol.objects.authorities import Distrust
from mecai.protocol.objects.status_evidence import EvidenceMethod
from mecai.protocol.pki.identity import sha256, spki_hash
from mecai.protocol.verify.connection import Presented
from tests.pki import DAY, HOUR, NOW, Issued, ca_extensions, issue, key, leaf_extensions
from tests.scene import ADDRESS, HOST, Scene, authority_entry, directory_of, refuses

SCENE = Scene()
ALDER, BIRCH, CEDAR, DOGWOOD = SCENE.alder, SCENE.birch, SCENE.cedar, SCENE.dogwood
EVIDENCE = SCENE.evidence()
FROM_BIRCH, FROM_CEDAR, FROM_DOGWOOD = (SCENE.voucher(va, evidence=EVIDENCE) for va in (BIRCH, CEDAR, DOGWOOD))
TWO = replace(SCENE.policy, quorum=2)


def wrong_address(va: Any) -> bytes:
    return SCENE.voucher(va, evidence=EVIDENCE, addresses=(bytes(4),))


def wrong_context(va: Any) -> bytes:
    return SCENE.voucher(va, evidence=EVIDENCE, trust_contexts=())


FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("place", [0, 1], ids=["end entity", "intermediate"])
@pytest.mark.parametrize("span", [(FIRST, FIRST + DAY), (FIRST, LAST), (LAST, LAST + timedelta(seconds=1))])
@pytest.mark.parametrize("method", [EvidenceMethod.CRL, EvidenceMethod.OCSP])
def test_evidence_of_the_first_and_last_years_spoils_no_good_voucher(
    span: tuple[datetime, datetime], method: EvidenceMethod, place: int
) -> None:
    """Whatever times birch's voucher names, cedar's is there: date arithmetic at the edges is a verdict, no fault."""
    responses = SCENE.evidence()
    entries = list(SCENE.info(SCENE.birch, evidence=responses).status_evidence)
    entries[place] = replace(entries[place], method=method, this_update=span[0], next_update=span[1])
    enclosed = responses if method is EvidenceMethod.OCSP else responses[1 - place : 2 - place]
    odd = SCENE.voucher(SCENE.birch, evidence=responses, enclosed=enclosed, status_evidence=tuple(entries))
    accepted = SCENE.accept(odd, SCENE.voucher(SCENE.cedar))
    assert "cedar" in [vouched.authority.name for vouched in accepted.vouched]


@pytest.mark.parametrize("span", [(FIRST, FIRST + DAY), (FIRST, LAST), (LAST, LAST + timedelta(seconds=1))])
def test_a_voucher_of_the_first_and_last_years_spoils_no_good_one(span: tuple[datetime, datetime]) -> None:
    odd = SCENE.voucher(SCENE.birch, this_update=span[0], next_update=span[1])
    assert [vouched.authority.name for vouched in SCENE.accept(odd, SCENE.voucher(SCENE.cedar)).vouched] == ["cedar"]


def test_accepted() -> None:
    accepted = SCENE.accept(FROM_BIRCH)
    assert [entry.authority.name for entry in accepted.vouched] == ["birch"]
    assert accepted.chain == (*SCENE.site.chain, ALDER.root.certificate)
    assert accepted.until == accepted.vouched[0].voucher.info.next_update


def test_what_ends_first_ends_the_acceptance() -> None:
    early = SCENE.voucher(CEDAR, next_update=NOW + HOUR)
    assert SCENE.accept(FROM_BIRCH, early).until == NOW + HOUR
    site = ALDER.server(HOST, days=1 / 48)
    brief = SCENE.voucher(BIRCH, site=site)
    presented = Presented(site.chain_der, ADDRESS)
    assert SCENE.accept(brief, presented=presented).until == NOW + timedelta(minutes=30)


def test_an_acceptance_ends_when_a_response_grows_too_old() -> None:
    old = ALDER.ocsp(SCENE.site, this_update=NOW - 10 * DAY + HOUR, next_update=NOW + 30 * DAY)
    voucher = SCENE.voucher(BIRCH, evidence=[old, EVIDENCE[1]])
    assert SCENE.accept(voucher).until == NOW + HOUR


def test_an_acceptance_ends_with_the_directory_and_where_distrust_begins() -> None:
    ends = replace(SCENE.directory, expires=NOW + 2 * HOUR)
    assert SCENE.accept(FROM_BIRCH, directory=ends).until == NOW + 2 * HOUR
    entries = tuple(Distrust(bytes(32), NOW + hours * HOUR, "test") for hours in (-1, 1, 3))
    assert SCENE.accept(FROM_BIRCH, directory=replace(ends, distrust=entries)).until == NOW + HOUR


def test_an_acceptance_ends_where_another_certificate_that_was_shown_begins() -> None:
    """The path may be another one then."""
    extensions = ca_extensions(ALDER.issuing.key, 0)
    coming = issue("coming CA", ALDER.issuing.key, ALDER.root, extensions, span=(NOW + HOUR, NOW + DAY))
    presented = Presented((*SCENE.site.chain_der, coming.der), ADDRESS)
    assert SCENE.accept(FROM_BIRCH, presented=presented).until == NOW + HOUR


@pytest.mark.parametrize("authority_ends", [HOUR, 2 * HOUR])
def test_an_acceptance_ends_with_the_authority_and_its_status(authority_ends: timedelta) -> None:
    span = (NOW - DAY, NOW + authority_ends)
    signer = issue("birch VA", BIRCH.voucher.key, BIRCH.root, BIRCH.voucher_extensions(), span=span)
    status = BIRCH.ocsp(signer, next_update=NOW + 2 * HOUR)
    assert SCENE.accept(SCENE.voucher(BIRCH, signer=signer, authority_status=status)).until == NOW + authority_ends


def test_an_acceptance_beside_what_did_not_pass_holds_no_longer() -> None:
    """What fails now may count later: as a revocation, for one."""
    assert SCENE.accept(FROM_BIRCH, wrong_address(CEDAR)).until == NOW
    foreign = ALDER.ocsp(ALDER.server("other.example.test"), "revoked")
    for staple, until in ((foreign, NOW), (EVIDENCE[0], NOW + 23 * HOUR + timedelta(minutes=55))):
        assert SCENE.accept(FROM_BIRCH, presented=replace(SCENE.presented, staple=staple)).until == until


def test_c1_no_voucher() -> None:
    with refuses("no-voucher", "C1"):
        SCENE.accept()


def test_c2_quorum_of_distinct_owners() -> None:
    assert len(SCENE.accept(FROM_BIRCH, FROM_CEDAR, policy=TWO).vouched) == 2
    for vouchers in ((FROM_BIRCH,), (FROM_BIRCH, FROM_BIRCH), (FROM_BIRCH, wrong_address(CEDAR))):
        with refuses("quorum", "C2"):
            SCENE.accept(*vouchers, policy=TWO)


def test_c2_two_authorities_of_one_owner_count_once() -> None:
    entries = (authority_entry(ALDER), authority_entry(BIRCH, owner_group="x"), authority_entry(CEDAR, owner_group="x"))
    with refuses("quorum", "C2"):
        SCENE.accept(FROM_BIRCH, FROM_CEDAR, policy=TWO, directory=directory_of(*entries))


def test_a_bad_voucher_never_spoils_a_good_one() -> None:
    bad = (b"", FROM_BIRCH[:-1], wrong_address(BIRCH), SCENE.voucher(ALDER), wrong_context(CEDAR))
    assert len(SCENE.accept(*bad, FROM_DOGWOOD).vouched) == 1
    assert len(SCENE.accept(FROM_DOGWOOD, *bad).vouched) == 1
    assert len(SCENE.accept(wrong_address(BIRCH), FROM_BIRCH).vouched) == 1


def test_c3_the_first_candidate_in_the_clients_order_is_reported() -> None:
    for vouchers in ((wrong_address(BIRCH), wrong_context(CEDAR)), (wrong_context(CEDAR), wrong_address(BIRCH))):
        with refuses("address-mismatch", "V9"):
            SCENE.accept(*vouchers)
        backwards = replace(SCENE.policy, candidates=SCENE.policy.candidates[::-1])
        with refuses("context-missing", "V10"):
            SCENE.accept(*vouchers, policy=backwards)


def test_c3_candidates_come_before_strangers() -> None:
    with refuses("address-mismatch", "V9"):
        SCENE.accept(b"", SCENE.voucher(ALDER), wrong_address(DOGWOOD))
    with refuses("malformed", "V1"):
        SCENE.accept(b"", SCENE.voucher(ALDER))
    with refuses("not-a-candidate", "V2"):
        SCENE.accept(SCENE.voucher(ALDER))


# The chain: C4


@pytest.mark.parametrize("name", ["other.test", "198.18.0.10"])
def test_c4_another_name(name: str) -> None:
    with refuses("untrusted", "C4"):
        SCENE.accept(FROM_BIRCH, server_name=name)


def test_c4_the_name_may_be_left_unchecked() -> None:
    SCENE.accept(FROM_BIRCH, server_name=None)


@pytest.mark.parametrize(
    "chain",
    [
        (),
        (b"",),
        (SCENE.site.der,),
        SCENE.site.chain_der * 6,
        (SCENE.site.der, ALDER.issuing.der + b"\0"),
        (ALDER.issuing.der,),
    ],
    ids=["empty", "no certificate", "no intermediate", "too long", "trailing octet", "a CA"],
)
def test_c4_chains_that_do_not_hold(chain: tuple[bytes, ...]) -> None:
    with refuses("untrusted", "C4"):
        SCENE.accept(FROM_BIRCH, presented=Presented(chain, ADDRESS))


@pytest.mark.parametrize("server_name", [HOST, None])
def test_c4_an_end_entity_that_is_itself_a_root(server_name: str | None) -> None:
    site = issue(HOST, key(HOST), None, leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST]), span=(NOW, NOW + DAY))
    entry = authority_entry(ALDER)
    directory = directory_of(replace(entry, roots=(*entry.roots, site.certificate)), authority_entry(BIRCH))
    presented = Presented((site.der,), ADDRESS)
    with refuses("untrusted", "C4"):
        SCENE.accept(FROM_BIRCH, presented=presented, directory=directory, server_name=server_name)


def test_c4_an_expired_server_certificate() -> None:
    with refuses("untrusted", "C4"):
        SCENE.accept(FROM_BIRCH, now=NOW + 91 * DAY)


@pytest.mark.parametrize("distrusted", [ALDER.root, ALDER.issuing])
def test_c4_a_distrusted_ca(distrusted: Issued) -> None:
    entry = Distrust(spki_hash(distrusted.certificate), NOW, "stolen")
    with refuses("distrusted", "C4"):
        SCENE.accept(FROM_BIRCH, directory=replace(SCENE.directory, distrust=(entry,)))


# Revocation goes before everything else: E6


@pytest.mark.parametrize("revoked", [SCENE.site, ALDER.issuing])
def test_e6_a_revoked_staple(revoked: Issued) -> None:
    staple = ALDER.ocsp(revoked, "revoked")
    for vouchers in ((), (FROM_BIRCH,)):
        with refuses("revoked", "V11"):
            SCENE.accept(*vouchers, presented=replace(SCENE.presented, staple=staple))


@pytest.mark.parametrize(
    "staple",
    [EVIDENCE[0], b"", b"garbage", ALDER.ocsp(SCENE.site, "unknown"), BIRCH.ocsp(BIRCH.server(HOST), "revoked")],
    ids=["good", "empty", "garbage", "unknown", "another certificate"],
)
def test_e6_other_staples_change_nothing(staple: bytes) -> None:
    SCENE.accept(FROM_BIRCH, presented=replace(SCENE.presented, staple=staple))
    with refuses("no-voucher", "C1"):
        SCENE.accept(presented=replace(SCENE.presented, staple=staple))


def test_e6_revoked_by_any_candidates_voucher_beats_good_ones() -> None:
    gone = [ALDER.ocsp(SCENE.site, "revoked"), EVIDENCE[1]]
    for voucher in (
        SCENE.voucher(CEDAR, evidence=gone),
        SCENE.voucher(CEDAR, evidence=gone, addresses=(bytes(4),)),
        SCENE.voucher(CEDAR, evidence=gone, signer=Issued(CEDAR.voucher.certificate, key("forger"), CEDAR.root)),
    ):
        for vouchers in ((FROM_BIRCH, voucher), (voucher, FROM_BIRCH)):
            with refuses("revoked", "V11"):
                SCENE.accept(*vouchers)


def test_e6_revoked_inside_a_voucher_that_passes() -> None:
    """Birch's voucher is good; what it encloses for a certificate beside the path says `revoked` of the server's."""
    gone = ALDER.ocsp(SCENE.site, "revoked")
    info = SCENE.info(BIRCH, evidence=EVIDENCE)
    beside = replace(info.status_evidence[1], certificate_hash=bytes(32), evidence_hash=sha256(gone))
    made = SCENE.voucher(
        BIRCH,
        evidence=EVIDENCE,
        enclosed=[*EVIDENCE, gone],
        intermediate_hashes=(*info.intermediate_hashes, bytes(32)),
        status_evidence=(*info.status_evidence, beside),
    )
    with refuses("revoked", "V11"):
        SCENE.accept(made)


def test_e6_strangers_are_not_even_read() -> None:
    """V2 bounds the work: a voucher that nobody asked for proves nothing, in either direction."""
    gone = [ALDER.ocsp(SCENE.site, "revoked"), EVIDENCE[1]]
    SCENE.accept(SCENE.voucher(ALDER, evidence=gone), FROM_BIRCH)
