"""Rule M4: whose name belongs to a private network, its chain, and the status of what is below the pin."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.verify.intranet import Intranet, domain_of, examine_private_chain, judge_private_status
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued
from tests.scene import refuses

NAME = "wiki.corp.test"
CORP, PUBLIC = Hierarchy("corp"), Hierarchy("alder")
SITE = CORP.server(NAME)
INTRANET = Intranet(("corp.test",), (CORP.root.certificate,))
PAIR = (SITE.certificate, CORP.issuing.certificate)


def pinned(*certificates: Issued) -> Intranet:
    return replace(INTRANET, pins=frozenset(spki_hash(each.certificate) for each in certificates))


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("corp.test", "corp.test"),
        ("wiki.corp.test", "corp.test"),
        ("A.B.CORP.TEST.", "corp.test"),
        ("www.lab.corp.test", "lab.corp.test"),
        ("lab.corp.test", "lab.corp.test"),
        ("evilcorp.test", None),
        ("corp.test.example", None),
        ("test", None),
        ("wiki", "wiki"),
        ("a.wiki", "wiki"),
        ("b\u00fccher.test", "xn--bcher-kva.test"),
        ("_odd_.corp.test", "corp.test"),
        ("_odd_.Corp.Test.", "corp.test"),
        ("_odd_.test", None),
        ("10.0.0.1", None),
        ("::1", None),
        ("", None),
    ],
)
def test_a_name_belongs_to_the_longest_domain_it_ends_in(name: str, domain: str | None) -> None:
    assert domain_of(name, ("corp.test", "lab.corp.test", "wiki", "xn--bcher-kva.test")) == domain


def test_each_certificate_below_the_root_has_a_status_to_be_known() -> None:
    pairs = examine_private_chain(SITE.chain_der, INTRANET, NAME, NOW)
    assert pairs == (PAIR, (CORP.issuing.certificate, CORP.root.certificate))
    assert examine_private_chain(SITE.chain_der, pinned(CORP.root), NAME, NOW) == pairs


def test_what_is_above_a_pinned_issuing_key_is_trusted_by_the_pin() -> None:
    assert examine_private_chain(SITE.chain_der, pinned(CORP.issuing), NAME, NOW) == (PAIR,)
    assert examine_private_chain(SITE.chain_der, pinned(CORP.issuing, CORP.root), NAME, NOW) == (PAIR,)


@pytest.mark.parametrize("pin", [SITE, PUBLIC.issuing, CORP.subordinate("other CA", CORP.root)])
def test_a_chain_past_the_pin_is_refused(pin: Issued) -> None:
    with refuses("pin-mismatch", "M4"):
        examine_private_chain(SITE.chain_der, pinned(pin), NAME, NOW)


@pytest.mark.parametrize(
    "chain",
    [
        PUBLIC.server(NAME).chain_der,
        (*PUBLIC.server(NAME).chain_der, CORP.root.der),
        SITE.chain_der[:1],
        CORP.server("other.corp.test").chain_der,
        (b"0",),
        (),
        SITE.chain_der * 6,
    ],
)
def test_a_chain_of_anybody_else_is_refused(chain: tuple[bytes, ...]) -> None:
    with refuses("pin-mismatch", "M4"):
        examine_private_chain(chain, INTRANET, NAME, NOW)


def test_an_expired_certificate_is_refused() -> None:
    with refuses("pin-mismatch", "M4"):
        examine_private_chain(SITE.chain_der, INTRANET, NAME, NOW + 91 * DAY)


@pytest.mark.parametrize("delegate", [False, True])
def test_a_good_status(delegate: bool) -> None:
    status = judge_private_status(CORP.ocsp(SITE, delegate=delegate), PAIR, INTRANET, NOW)
    assert status.next_update == NOW + 47 * HOUR


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (CORP.ocsp(SITE, "revoked"), "revoked"),
        (CORP.ocsp(SITE, "revoked", this_update=NOW - 30 * DAY), "revoked"),
        (CORP.ocsp(SITE, "unknown"), "status-missing"),
        (CORP.ocsp(CORP.server("other.corp.test")), "status-missing"),
        (CORP.ocsp(SITE, responder=PUBLIC.responder(PUBLIC.issuing)), "status-missing"),
        (b"", "status-missing"),
        (CORP.ocsp(SITE, this_update=NOW - 3 * HOUR, next_update=NOW), "status-stale"),
        (CORP.ocsp(SITE, this_update=NOW + HOUR), "status-stale"),
        (CORP.ocsp(SITE, this_update=NOW - 49 * HOUR, next_update=NOW + HOUR), "status-stale"),
        (CORP.ocsp(SITE, endless=True), "status-missing"),
    ],
)
def test_any_other_status_is_refused(response: bytes, reason: str) -> None:
    with refuses(reason, "M4"):
        judge_private_status(response, PAIR, INTRANET, NOW)


def test_the_age_of_a_status_is_the_networks_own_choice() -> None:
    old = CORP.ocsp(SITE, this_update=NOW - 49 * HOUR, next_update=NOW + HOUR)
    lenient = replace(INTRANET, max_status_age=timedelta(hours=50))
    assert judge_private_status(old, PAIR, lenient, NOW).this_update == NOW - 49 * HOUR


def test_a_certificate_straight_from_the_root() -> None:
    site = CORP.server(NAME, parent=CORP.root)
    pairs = examine_private_chain(site.chain_der, INTRANET, NAME, NOW)
    assert pairs == ((site.certificate, CORP.root.certificate),)
