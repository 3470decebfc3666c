# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""M4: a private network's servers are held to its own CA, and to fresh OCSP responses, stapled or fetched.

        corp root -- corp issuing CA -- wiki.corp.test        alder root -- alder issuing CA (public)

The client pins corp.test to the root of corp. Nothing is stapled; the responder of each certificate answers `good`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.conformance.parts.certificates import reissued_der
from tests.conformance.parts.directories import spki_hash
from tests.conformance.parts.rsa import rsa_key
from tests.conformance.parts.signing import Signer, pkcs1, signer
from tests.conformance.parts.status import Span, ocsp, ocsp_error
from tests.conformance.registry import Situation, Value, case
from tests.conformance.stage import ALDER
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, Key, ca_extensions, issue

NAME = "wiki.corp.test"
SECOND = timedelta(seconds=1)
CORP, OTHER = Hierarchy("corp"), Hierarchy("elm")
WIKI = CORP.server(NAME)
_ISSUING = CORP.issuing
_STALE: Span = (NOW - 48 * HOUR - SECOND, NOW + HOUR)
_GOOD = {WIKI: ocsp(WIKI), _ISSUING: ocsp(_ISSUING)}


def _network(*domains: str, ca: Hierarchy = CORP, pins: Sequence[Issued] = ()) -> Value:
    return {"domains": domains, "roots": [ca.root.der], "pins": [spki_hash(pin) for pin in pins]}


def _judged(
    expected: Value,
    *,
    site: Issued = WIKI,
    name: str = NAME,
    chain: Sequence[bytes] = (),
    staple: bytes | None = None,
    answers: Mapping[Issued, bytes] = _GOOD,
    networks: Sequence[Value] = (_network("corp.test"),),
) -> Situation:
    question = {
        "networks": networks,
        "now": NOW,
        "serverName": name,
        "chain": chain or site.chain_der,
        "staple": staple,
        "responders": {hashlib.sha256(each.der).hexdigest(): answer for each, answer in answers.items()},
    }
    return Situation("intranet", question, expected)


def _accepted(domain: str = "corp.test", **changes: Any) -> Situation:
    return _judged({"verdict": "accepted", "domain": domain}, **changes)


def _refused(reason: str, **changes: Any) -> Situation:
    return _judged({"verdict": "refused", "reason": reason}, **changes)


def _ignored(**changes: Any) -> Situation:
    return _judged({"verdict": "ignored"}, **changes)


@case("M4")
def m4_fetched() -> Situation:
    """Nothing is stapled; both responders answer `good`."""
    return _accepted()


@case("M4")
def m4_stapled() -> Situation:
    """The status of the end entity is stapled, and only the issuing CA's can be fetched."""
    return _accepted(staple=ocsp(WIKI), answers={_ISSUING: ocsp(_ISSUING)})


@case("M4")
def m4_no_responder() -> Situation:
    """No responder answers, and nothing is stapled."""
    return _refused("status-unavailable", answers={})


_CHAIN = {"end entity": WIKI, "issuing CA": _ISSUING}


@case("M4", over=_CHAIN)
def m4_one_responder_down(subject: Issued) -> Situation:
    """The responder for the {} does not answer."""
    return _refused("status-unavailable", answers={each: _GOOD[each] for each in _GOOD if each is not subject})


@case("M4")
def m4_staple_only() -> Situation:
    """A staple speaks of the end entity alone; no responder answers for the issuing CA."""
    return _refused("status-unavailable", staple=ocsp(WIKI), answers={})


@case("M4", "K7")
def m4_another_root_than_a_large_one() -> Situation:
    """The private CA has a second root of the same name, with an RSA key of 8200 bits, which signed the issuing CA too.

    The server presents that certificate of the issuing CA first. 12.2: what K7 does not have hides no other path.
    """
    large, by = rsa_key(8200), pkcs1("sha256")
    root = issue("corp root", large, None, ca_extensions(large, 1), span=(NOW - DAY, NOW + DAY))
    under = reissued_der(_ISSUING, body={"signature": by.identifier}, by=Signer(root, by))
    network = _network("corp.test")
    network["roots"] = [root.der, *network["roots"]]
    return _accepted(chain=(WIKI.der, under, _ISSUING.der), networks=[network])


@case("M4")
def m4_staple_and_pinned_issuing_key() -> Situation:
    """The issuing key is pinned: what is above it needs no status, and the staple suffices."""
    return _accepted(staple=ocsp(WIKI), answers={}, networks=[_network("corp.test", pins=[_ISSUING])])


@case("M4")
def m4_pinned_root_key() -> Situation:
    """The root's key is pinned: the issuing CA still needs its status, which cannot be had."""
    networks = [_network("corp.test", pins=[CORP.root])]
    return _refused("status-unavailable", staple=ocsp(WIKI), answers={}, networks=networks)


@case("M4")
def m4_two_pins() -> Situation:
    """The root's and the issuing key are pinned: the pin nearest to the end entity counts."""
    networks = [_network("corp.test", pins=[CORP.root, _ISSUING])]
    return _accepted(staple=ocsp(WIKI), answers={}, networks=networks)


_PINS = {"another issuing CA": CORP.subordinate("other CA", CORP.root), "the server": WIKI, "a public CA": ALDER.root}


@case("M4", over=_PINS)
def m4_past_the_pin(pin: Issued) -> Situation:
    """The chain verifies to the private root, but what is pinned is the key of {}, which is no CA of its path."""
    return _refused("pin-mismatch", networks=[_network("corp.test", pins=[pin])])


@case("M4")
def m4_public_ca() -> Situation:
    """A public CA has certified the private name, and its responders answer `good`."""
    site = ALDER.server(NAME)
    return _refused("pin-mismatch", site=site, answers={site: ocsp(site), ALDER.issuing: ocsp(ALDER.issuing)})


@case("M4")
def m4_another_private_ca() -> Situation:
    """Two networks are configured; the server of one shows a certificate of the other's CA."""
    networks = [_network("corp.test"), _network("elm.test", ca=OTHER)]
    site = OTHER.server(NAME)
    answers = {site: ocsp(site), OTHER.issuing: ocsp(OTHER.issuing)}
    return _refused("pin-mismatch", site=site, answers=answers, networks=networks)


@case("M4")
def m4_another_name() -> Situation:
    """The private CA's certificate is for files.corp.test, the client went to wiki.corp.test."""
    site = CORP.server("files.corp.test")
    return _refused("pin-mismatch", site=site, answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)})


@case("M4")
def m4_expired() -> Situation:
    """The certificate ended a second ago; its status is good."""
    site = CORP.server(NAME, days=-1 / 86400)
    return _refused("pin-mismatch", site=site, answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)})


@case("M4", "K7", over={"RSA of 1024 bits": rsa_key(1024), "RSA of 2047 bits": rsa_key(2047)})
def m4_server_key(weak: Key) -> Situation:
    """The server has a key of {}; its status is good. K7 holds for private networks as for public ones."""
    site = CORP.server(NAME, server_key=weak)
    return _refused("pin-mismatch", site=site, answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)})


@case("M4")
def m4_no_intermediate() -> Situation:
    """The server leaves its issuing CA out."""
    return _refused("pin-mismatch", chain=WIKI.chain_der[:1])


_NAMES = {
    "domain": "corp.test",
    "child": "a.b.corp.test",
    "capitals": "WIKI.Corp.Test",
    "final dot": "wiki.corp.test.",
}


@case("M4", "I8", over=_NAMES)
def m4_inside(name: str) -> Situation:
    """The name is the domain or lies below it ({}), in whatever spelling."""
    site = CORP.server("corp.test", "a.b.corp.test", NAME)
    return _accepted(site=site, name=name, answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)})


_OUTSIDE = {
    "sibling": "evilcorp.test",
    "parent": "test",
    "prefix": "corp.test.example.test",
    "address": "198.18.0.10",
    "public name": "www.example.test",
}


@case("M4", over=_OUTSIDE)
def m4_outside(name: str) -> Situation:
    """The private CA certified a name of another kind ({}): rule M4 is not the measure, the rules for vouchers are."""
    site = CORP.server(name)
    return _ignored(site=site, name=name, answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)})


@case("M4")
def m4_single_label() -> Situation:
    """The domain is the single label `wiki`, and so is the name; `wiki.example.test` would not lie below it."""
    site = CORP.server("wiki")
    answers = {site: ocsp(site), _ISSUING: ocsp(_ISSUING)}
    return _accepted("wiki", site=site, name="wiki", answers=answers, networks=[_network("wiki")])


@case("M4")
def m4_longest_domain() -> Situation:
    """lab.corp.test has a CA of its own: it is the measure for www.lab.corp.test, not that of corp.test."""
    site = OTHER.server("www.lab.corp.test")
    return _accepted(
        "lab.corp.test",
        site=site,
        name="www.lab.corp.test",
        answers={site: ocsp(site), OTHER.issuing: ocsp(OTHER.issuing)},
        networks=[_network("corp.test"), _network("lab.corp.test", ca=OTHER)],
    )


@case("M4")
def m4_shorter_domain() -> Situation:
    """lab.corp.test has a CA of its own, and the server shows a certificate of that of corp.test."""
    site = CORP.server("www.lab.corp.test")
    return _refused(
        "pin-mismatch",
        site=site,
        name="www.lab.corp.test",
        answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)},
        networks=[_network("corp.test"), _network("lab.corp.test", ca=OTHER)],
    )


@case("M4", over=_CHAIN)
def m4_revoked(subject: Issued) -> Situation:
    """The responder says that the {} is revoked."""
    return _refused("revoked", answers=_GOOD | {subject: ocsp(subject, "revoked")})


@case("M4", "E6")
def m4_revoked_staple() -> Situation:
    """The staple says `revoked` and is of last month; the responder would say `good`."""
    return _refused("revoked", staple=ocsp(WIKI, "revoked", (NOW - 32 * DAY, NOW - 30 * DAY)))


@case("M4", over=_CHAIN)
def m4_unknown(subject: Issued) -> Situation:
    """The responder does not know the {}."""
    return _refused("status-missing", answers=_GOOD | {subject: ocsp(subject, "unknown")})


_USELESS = {
    "of another": ocsp(CORP.server("files.corp.test")),
    "by a stranger": ocsp(WIKI, by=signer(ALDER.issuing)),
    "an error": ocsp_error(),
    "no response": b"\0",
    "without end": ocsp(WIKI, span=(NOW - HOUR, None)),
}


@case("M4", over=_USELESS)
def m4_useless_answer(answer: bytes) -> Situation:
    """What the responder answers is no status of the end entity with an end ({})."""
    return _refused("status-missing", answers=_GOOD | {WIKI: answer})


@case("M4", over=_USELESS)
def m4_useless_staple(staple: bytes) -> Situation:
    """What is stapled is no status of the end entity with an end ({}); the responder's answer decides."""
    return _accepted(staple=staple)


_SPANS: dict[str, Span] = {
    "ends now": (NOW - HOUR, NOW),
    "begins in 301 s": (NOW + 301 * SECOND, NOW + HOUR),
    "48 h and a second old": _STALE,
}


@case("M4", over=_SPANS)
def m4_stale_answer(span: Span) -> Situation:
    """The responder's answer is not fresh: it {}, or is so."""
    return _refused("status-stale", answers=_GOOD | {WIKI: ocsp(WIKI, span=span)})


@case("M4")
def m4_just_fresh() -> Situation:
    """The responder's answer is 48 hours old and ends in a second."""
    return _accepted(answers=_GOOD | {WIKI: ocsp(WIKI, span=(NOW - 48 * HOUR, NOW + SECOND))})


@case("M4")
def m4_stale_staple() -> Situation:
    """The staple is too old; the responder's answer decides."""
    return _accepted(staple=ocsp(WIKI, span=_STALE))


@case("M4")
def m4_stale_staple_and_no_responder() -> Situation:
    """The staple is too old and no responder answers: nothing fresh could be had."""
    return _refused("status-unavailable", staple=ocsp(WIKI, span=_STALE), answers={_ISSUING: ocsp(_ISSUING)})


@case("M4")
def m4_server_and_issuing_key_pinned() -> Situation:
    """The server's own key stands among the pins, which are for CAs, and the issuing key too: that one counts."""
    networks = [_network("corp.test", pins=[WIKI, _ISSUING])]
    return _accepted(staple=ocsp(WIKI), answers={}, networks=networks)


@case("M4")
def m4_stapled_for_the_issuing_ca() -> Situation:
    """The staple speaks of the issuing CA alone, and the end entity's responder answers. A staple may be of any."""
    return _accepted(staple=ocsp(_ISSUING), answers={WIKI: ocsp(WIKI)})


@case("M4", "E6")
def m4_staple_revokes_the_issuing_ca() -> Situation:
    """The staple says that the issuing CA is revoked; both responders would say `good`."""
    return _refused("revoked", staple=ocsp(_ISSUING, "revoked"))


_DEEP = CORP.server(NAME, parent=CORP.subordinate("lower CA", CORP.subordinate("upper CA", CORP.root, 1)))
_LOWER = _DEEP.issuer or _DEEP
_UPPER = _LOWER.issuer or _LOWER


@case("M4")
def m4_pinned_upper_ca() -> Situation:
    """Corp root -- upper CA -- lower CA -- server; the upper CA is pinned: what lies below it needs its status."""
    answers = {_DEEP: ocsp(_DEEP), _LOWER: ocsp(_LOWER)}
    return _accepted(site=_DEEP, answers=answers, networks=[_network("corp.test", pins=[_UPPER])])


@case("M4")
def m4_pinned_upper_ca_and_no_status_between() -> Situation:
    """The same; nobody says how the lower CA stands."""
    networks = [_network("corp.test", pins=[_UPPER])]
    return _refused("status-unavailable", site=_DEEP, answers={_DEEP: ocsp(_DEEP)}, networks=networks)


@case("M4")
def m4_three_certificates() -> Situation:
    """The same without a pin; the upper CA's status is missing."""
    answers = {_DEEP: ocsp(_DEEP), _LOWER: ocsp(_LOWER), _UPPER: ocsp(_UPPER, "unknown")}
    return _refused("status-missing", site=_DEEP, answers=answers)


_FAULTS_IN_ORDER = {
    "missing before unavailable": ({WIKI: ocsp(WIKI, "unknown")}, "status-missing"),
    "unavailable before revoked": ({_ISSUING: ocsp(_ISSUING, "revoked")}, "status-unavailable"),
    "stale before missing": (
        {WIKI: ocsp(WIKI, span=_STALE), _ISSUING: ocsp(_ISSUING, "unknown")},
        "status-stale",
    ),
}


@case("M4", over=_FAULTS_IN_ORDER)
def m4_order(fault: tuple[Mapping[Issued, bytes], str]) -> Situation:
    """Neither status is good: {}. The certificates are gone through from the end entity up."""
    answers, reason = fault
    return _refused(reason, answers=answers)


@case("M4")
def m4_chain_before_status() -> Situation:
    """The chain is for another name, and the end entity revoked: nobody is asked, for the chain comes first."""
    site = CORP.server("files.corp.test")
    return _refused("pin-mismatch", site=site, answers={site: ocsp(site, "revoked")})


@case("M4", "I8")
def m4_no_host_name() -> Situation:
    """The name has two final dots, which no host name has: odd spelling is no way out of the domain."""
    return _refused("pin-mismatch", name="wiki.corp.test..")


@case("M4", "I8")
def m4_another_script() -> Situation:
    """The client goes to wiki.b\u00fccher.example; the domain is xn--bcher-kva.example."""
    site = CORP.server("wiki.xn--bcher-kva.example")
    return _accepted(
        "xn--bcher-kva.example",
        site=site,
        name="wiki.b\u00fccher.example",
        answers={site: ocsp(site), _ISSUING: ocsp(_ISSUING)},
        networks=[_network("xn--bcher-kva.example")],
    )
