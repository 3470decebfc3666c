# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V11, E3 to E6: whether the server's certificates are good, by what the voucher says and encloses, and the staple."""

from datetime import datetime, timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.directories import PUBLISHER
from tests.conformance.parts.signing import signer
from tests.conformance.parts.status import Evidence, Span, by_crl, by_ocsp, ocsp, ocsp_error, short_lived, single
from tests.conformance.parts.voucher import Voucher, addresses
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, CEDAR, HOST, SITE, accepted, of, refused, voucher
from tests.pki import DAY, HOUR, NOW, Issued, issue, key, leaf_extensions

SECOND = timedelta(seconds=1)
_ISSUING = ALDER.issuing
_LONG_AGO = (NOW - 32 * DAY, NOW - 30 * DAY)


def _with(*evidence: Evidence, **changes: object) -> Voucher:
    """Return birch's voucher with this evidence, end entity first; what is not given is good."""
    given = {item.certificate_hash: item for item in evidence}
    good = map(by_ocsp, (SITE, _ISSUING))
    return voucher(evidence=[given.get(item.certificate_hash, item) for item in good], **changes)


def _answered(response: bytes, subject: Issued = SITE) -> Voucher:
    """Return birch's voucher with this response about one certificate."""
    return _with(by_ocsp(subject, response))


def _missing(response: bytes, subject: Issued = SITE) -> Situation:
    return refused("status-missing", _answered(response, subject))


_CHAIN = {"end entity": SITE, "intermediate": _ISSUING}


@case("V11", "E6", over=_CHAIN)
def v11_revoked(subject: Issued) -> Situation:
    """The enclosed response says that the {} is revoked."""
    return refused("revoked", _answered(ocsp(subject, "revoked"), subject))


@case("V11", "E6")
def v11_revoked_long_ago() -> Situation:
    """The enclosed response says `revoked` and ended a month ago. A revocation does not go stale."""
    return refused("revoked", _with(by_ocsp(SITE, ocsp(SITE, "revoked", _LONG_AGO), _LONG_AGO)))


@case("V11", "E3", over=_CHAIN)
def v11_unknown(subject: Issued) -> Situation:
    """The responder does not know the {}. E3: `unknown` counts as missing."""
    return _missing(ocsp(subject, "unknown"), subject)


@case("V11", "O4")
def v11_response_removed() -> Situation:
    """Somebody removed the response about the end entity, which no signature covers. OpenSSL accepts it."""
    return refused("status-missing", _with(enclosed=[ocsp(_ISSUING)]))


@case("V1", "O4", "V11")
def o4_response_replaced() -> Situation:
    """Somebody put another good response in the place of the one that its entry names.

        statusEvidence[0].evidenceHash = SHA-256(first response)       crls: second response, ...

    O4: a response that no entry names is that of the VA certificate, and of those there is one.
    """
    other = ocsp(SITE, span=(NOW - 2 * HOUR, NOW + 46 * HOUR))
    return refused("malformed", _with(enclosed=[other, ocsp(_ISSUING)]))


@case("V11", "E3")
def v11_entries_exchanged() -> Situation:
    """The end entity's entry names the intermediate's response, and the other way round."""
    site, issuing = by_ocsp(SITE, ocsp(_ISSUING)), by_ocsp(_ISSUING, ocsp(SITE))
    return refused("status-missing", _with(site, issuing))


@case("V11", "E3")
def v11_serial_number_of_another() -> Situation:
    """The response speaks of another certificate of the same issuer."""
    return _missing(ocsp(ALDER.server("other.example.test")))


@case("V11", "E3")
def v11_issuer_of_another() -> Situation:
    """The CertID has the right serial number and the key of another CA. E3: the CertID is recomputed."""
    return _missing(ocsp(SITE, singles=[single(SITE, issuer=BIRCH.issuing)]))


@case("V11", "E3")
def v11_named_by_sha256() -> Situation:
    """The CertID is made with SHA-256 in place of the usual SHA-1."""
    return accepted(_answered(ocsp(SITE, singles=[single(SITE, named_by="sha256")])))


@case("V11", "E3")
def v11_responder_named_by_name() -> Situation:
    """The response names its responder by name, not by key."""
    return accepted(_answered(ocsp(SITE, by_name=True)))


@case("V11", "E3")
def v11_several_answers() -> Situation:
    """The response has three answers; one is about the end entity, and good."""
    others = ALDER.server("other.example.test"), ALDER.server("third.example.test")
    answers = (single(others[0], "revoked"), single(SITE), single(others[1], "unknown"))
    return accepted(_answered(ocsp(SITE, singles=answers)))


@case("V11", "E6")
def v11_two_answers_one_revoked() -> Situation:
    """The response has two answers about the end entity: good, and revoked."""
    return refused("revoked", _answered(ocsp(SITE, singles=(single(SITE), single(SITE, "revoked")))))


@case("V11", "E3")
def v11_try_later() -> Situation:
    """The enclosed response is an error of the responder: tryLater."""
    return _missing(ocsp_error())


@case("V11", "E3")
def v11_by_a_delegate() -> Situation:
    """Delegates of root and issuing CA signed, each issued directly with id-kp-OCSPSigning."""
    site = by_ocsp(SITE, ocsp(SITE, by=signer(ALDER.responder(_ISSUING))))
    issuing = by_ocsp(_ISSUING, ocsp(_ISSUING, by=signer(ALDER.responder(ALDER.root))))
    return accepted(_with(site, issuing))


def _delegate(parent: Issued, days: float = 30, purpose: object = ExtendedKeyUsageOID.OCSP_SIGNING) -> Issued:
    extensions = leaf_extensions(purpose)
    return issue("responder", key("responder"), parent, extensions, span=(NOW - DAY, NOW + days * DAY))


_WRONG_RESPONDERS = {
    "a stranger": PUBLISHER,
    "another CA": CEDAR.issuing,
    "the root above the issuer": ALDER.root,
    "a delegate of another CA": _delegate(CEDAR.issuing),
    "a delegate of the root": _delegate(ALDER.root),
    "a delegate without the purpose": _delegate(_ISSUING, purpose=ExtendedKeyUsageOID.SERVER_AUTH),
    "a delegate that expired a second ago": _delegate(_ISSUING, -1 / 86400),
    "the server itself": SITE,
}


@case("V11", "E3", over=_WRONG_RESPONDERS)
def v11_signed_by(responder: Issued) -> Situation:
    """The response about the end entity says good and is signed by {}, whose certificate it encloses.

    E3: the issuer, or a delegate that the issuer issued directly with id-kp-OCSPSigning.
    """
    return _missing(ocsp(SITE, by=signer(responder)))


@case("V11", "E3")
def v11_delegate_not_enclosed() -> Situation:
    """A delegate signed, and its certificate is not enclosed; that of another delegate is."""
    other = ALDER.responder(_ISSUING)
    return _missing(ocsp(SITE, by=signer(_delegate(_ISSUING)), enclosed=[other]))


@case("V11", "E3")
def v11_signature_damaged() -> Situation:
    """The last octet of the response's signature is changed."""
    response = ocsp(SITE)
    return _missing(response[:-1] + bytes((response[-1] ^ 1,)))


_OLD = {
    "ten days": (10 * DAY, None),
    "ten days and a second": (10 * DAY + SECOND, "status-stale"),
}


@case("V11", "E3", over=_OLD)
def v11_response_of_an_age_of(old: tuple[timedelta, str | None]) -> Situation:
    """The end entity's response is {} old and calls itself good until tomorrow. E3: at most 10 days."""
    age, reason = old
    made = _with(by_ocsp(SITE, span=(NOW - age, NOW + DAY)))
    return refused(reason, made) if reason else accepted(made)


_FRESH_UNTIL = {
    "begins 300 s ahead": (NOW + 300 * SECOND, NOW + 2 * DAY),
    "ends in a second": (NOW - DAY, NOW + SECOND),
}
_STALE = {
    "begins 301 s ahead": (NOW + 301 * SECOND, NOW + 2 * DAY),
    "ends now": (NOW - DAY, NOW),
}


@case("V11", over=_FRESH_UNTIL)
def v11_response(span: Span) -> Situation:
    """The end entity's response {}: still fresh."""
    return accepted(_with(by_ocsp(SITE, span=span)))


@case("V11", over=_STALE)
def v11_response_that(span: Span) -> Situation:
    """The end entity's response {}."""
    return refused("status-stale", _with(by_ocsp(SITE, span=span)))


@case("V11", "E2", "E3")
def v11_entry_claims_more() -> Situation:
    """The response ended an hour ago, and the voucher's entry says that it holds until tomorrow.

    E3: the client verifies an ocsp entry itself, by the response.
    """
    ended = ocsp(SITE, span=(NOW - DAY, NOW - HOUR))
    return refused("status-stale", _with(by_ocsp(SITE, ended, (NOW - DAY, NOW + DAY))))


@case("V11", "E4")
def e4_crl() -> Situation:
    """Both entries are of method crl: the client relies on birch, and there is no response to enclose."""
    return accepted(_with(by_crl(SITE), by_crl(_ISSUING)))


@case("V11", "E4", over=_FRESH_UNTIL)
def e4_crl_that(span: tuple[datetime, datetime]) -> Situation:
    """The CRL that birch relied on {}: still fresh."""
    return accepted(_with(by_crl(SITE, span)))


@case("V11", "E4", over=_STALE)
def e4_stale_crl_that(span: tuple[datetime, datetime]) -> Situation:
    """The CRL that birch relied on {}."""
    return refused("status-stale", _with(by_crl(SITE, span)))


def _short(days: float, seconds: int = 0) -> tuple[Issued, Voucher]:
    """Return an end entity of this whole validity, and birch's voucher that calls it short-lived."""
    site = ALDER.server(HOST, days=days - 1 + seconds / 86400)  # notBefore is a day ago
    return site, of(BIRCH, site, evidence=[short_lived(site), by_ocsp(_ISSUING)])


@case("V11", "E5")
def e5_seven_days() -> Situation:
    """The end entity's whole validity is seven days, and its entry says shortLived: no status is needed."""
    site, made = _short(7)
    return accepted(made, chain=site.chain_der)


@case("V11", "E5")
def e5_a_second_longer() -> Situation:
    """The end entity's validity is seven days and one second, and birch calls it shortLived all the same."""
    site, made = _short(7, 1)
    return refused("status-missing", made, chain=site.chain_der)


@case("E6", "V11", over=_CHAIN)
def e6_staple(subject: Issued) -> Situation:
    """The voucher is good; the OCSP staple of the handshake says that the {} is revoked."""
    return refused("revoked", voucher(), staple=ocsp(subject, "revoked"))


@case("E6", "V11")
def e6_good_staple() -> Situation:
    """The voucher is good, and so is the OCSP staple of the handshake."""
    return accepted(staple=ocsp(SITE))


@case("E6", "V11")
def e6_staple_of_a_stranger() -> Situation:
    """The OCSP staple says `revoked`, but cedar signed it. E6: a validly signed one refuses; anyone can write this."""
    return accepted(staple=ocsp(SITE, "revoked", by=signer(CEDAR.issuing)))


@case("E6", "V11")
def e6_in_another_voucher() -> Situation:
    """Birch's voucher is good. Cedar's is for another address, and encloses the issuer's `revoked`.

        birch: good, 198.18.0.10          cedar: 198.18.0.66, response: revoked

    A failing voucher is set aside, but not what the issuer signed inside it.
    """
    evidence = [by_ocsp(SITE, ocsp(SITE, "revoked")), by_ocsp(_ISSUING)]
    bad = of(CEDAR, evidence=evidence, info={"addresses": addresses("198.18.0.66")})
    return refused("revoked", voucher(), bad)


@case("E6", "V2")
def e6_in_a_strangers_voucher() -> Situation:
    """Birch's voucher is good. Cedar, whom nobody asked, encloses the issuer's `revoked`.

    V2 bounds the work: what is in the voucher of no candidate is not looked at, in either direction.
    """
    good = voucher()
    other = of(CEDAR, evidence=[by_ocsp(SITE, ocsp(SITE, "revoked")), by_ocsp(_ISSUING)])
    return accepted(good, other, passing=[good], candidates=(BIRCH,))
