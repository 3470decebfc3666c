"""Evidence for a chain: which way is tried when, what refuses, what is kept and how long."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import VerificationError
from mecai.evidence import Collector, FetchError, by_lifetime, by_ocsp
from mecai.evidence import collector as collector_module
from mecai.evidence.memory import KEPT_FOR
from mecai.protocol.objects.status_evidence import EvidenceMethod
from mecai.protocol.pki.identity import certificate_hash, sha256
from mecai.protocol.pki.ocsp import build_ocsp_request
from mecai.service.logs import REQUEST_ID
from tests.pki import (
    DAY,
    HOUR,
    NOW,
    SERVER_AUTH,
    Hierarchy,
    Issued,
    ca_extensions,
    issue,
    key,
    leaf_extensions,
)  # fmt: skip

OCSP, CRL = "http://ocsp.alder.test/", "http://ocsp.alder.test/issuing.crl"
ALDER = Hierarchy("alder")
SPAN = (NOW - DAY, NOW + 90 * DAY)
CRL_POINT = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier(CRL)], None, None, None)]
)


def issuing() -> Issued:
    """Make an issuing CA that names an OCSP responder, as `Hierarchy` does not."""
    ca_key = key("alder issuing CA")
    access = leaf_extensions(SERVER_AUTH, ocsp_url=OCSP)[-1]
    return issue("alder issuing CA", ca_key, ALDER.root, [*ca_extensions(ca_key, 0), access], span=SPAN)


ISSUING = issuing()
SITE = ALDER.server("www.example.test", parent=ISSUING)
CHAIN = [*SITE.chain, ALDER.root.certificate]


def site(*, days: float = 90, ocsp_url: str | None = None, crl: bool = False) -> Issued:
    extensions = leaf_extensions(SERVER_AUTH, ["www.example.test"], ocsp_url=ocsp_url)
    extensions += [(CRL_POINT, False)] if crl else []
    span = (NOW - HOUR, NOW - HOUR + timedelta(days=days))
    return issue("www.example.test", key("www.example.test"), ISSUING, extensions, span=span)


def crl(*revoked: int) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(ISSUING.certificate.subject)
    builder = builder.last_update(NOW - HOUR).next_update(NOW + DAY)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - HOUR).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(ISSUING.key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass
class Web:
    """Answers by request body (OCSP) or by URL (CRL); fails for everything else. Keeps what was asked."""

    answers: dict[bytes | str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """Stand for a `Fetcher`."""
        assert limit in {64 * 1024, 16 * 1024 * 1024}
        assert content_type == ("" if body is None else "application/ocsp-request")
        with self.lock:
            self.asked.append(url)
        answer = self.answers.get(url if body is None else body)
        if answer is None:
            raise FetchError(f"{url!r}: nothing there")
        return answer

    def ocsp(self, subject: Issued, **settings: object) -> "Web":
        """Let the responder answer for a certificate."""
        assert subject.issuer
        request = build_ocsp_request(subject.certificate, subject.issuer.certificate)
        self.answers[request] = ALDER.ocsp(subject, **settings)  # type: ignore[arg-type]  # handed through
        return self


def refusal(collect: Callable[[], object]) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        collect()
    assert caught.value.rule == "V11"
    return caught.value


def test_one_piece_for_each_certificate_but_the_root() -> None:
    web = Web().ocsp(SITE).ocsp(ISSUING)
    first, second = Collector(web).collect(CHAIN, NOW)
    for piece, subject in ((first, SITE), (second, ISSUING)):
        assert piece.response
        assert piece.status.certificate_hash == certificate_hash(subject.der)
        assert piece.status.method is EvidenceMethod.OCSP
        assert piece.status.evidence_hash == sha256(piece.response)
        assert (piece.status.this_update, piece.status.next_update) == (NOW - HOUR, NOW + 47 * HOUR)


def test_a_delegates_answer_counts() -> None:
    web = Web().ocsp(SITE, delegate=True).ocsp(ISSUING)
    assert len(Collector(web).collect(CHAIN, NOW)) == 2


def test_revoked_goes_before_missing() -> None:
    web = Web().ocsp(ISSUING, status="revoked")
    assert refusal(lambda: Collector(web).collect(CHAIN, NOW)).reason == "revoked"


def test_revoked_by_ocsp_asks_no_crl() -> None:
    subject = site(ocsp_url=OCSP, crl=True, days=6)
    web = Web({CRL: crl()}).ocsp(subject, status="revoked").ocsp(ISSUING)
    assert refusal(lambda: Collector(web).collect([*subject.chain, ALDER.root.certificate], NOW)).reason == "revoked"
    assert CRL not in web.asked


@pytest.mark.parametrize("status", ["unknown", None])
def test_a_crl_serves_where_ocsp_does_not(status: str | None) -> None:
    subject = site(ocsp_url=OCSP, crl=True)
    web = Web({CRL: crl()}).ocsp(ISSUING)
    if status:
        web.ocsp(subject, status=status)
    piece, _ = Collector(web).collect([*subject.chain, ALDER.root.certificate], NOW)
    assert (piece.status.method, piece.response) == (EvidenceMethod.CRL, None)
    assert piece.status.evidence_hash == sha256(web.answers[CRL])


def test_revoked_by_crl_refuses_even_the_short_lived() -> None:
    subject = site(crl=True, days=6)
    web = Web({CRL: crl(subject.certificate.serial_number)}).ocsp(ISSUING)
    assert refusal(lambda: Collector(web).collect([*subject.chain, ALDER.root.certificate], NOW)).reason == "revoked"


def test_a_short_lived_end_entity_needs_nothing() -> None:
    subject = site(days=7)
    piece, _ = Collector(Web().ocsp(ISSUING)).collect([*subject.chain, ALDER.root.certificate], NOW)
    assert (piece.status.method, piece.status.evidence_hash) == (EvidenceMethod.SHORT_LIVED, None)
    certificate = subject.certificate
    span = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    assert (piece.status.this_update, piece.status.next_update) == span


def test_a_life_of_more_than_a_week_is_not_short() -> None:
    with pytest.raises(VerificationError, match="lives longer than 7 days"):
        by_lifetime(site(days=7.001).certificate)


def test_a_short_life_does_not_serve_an_intermediate() -> None:
    brief = issue("brief CA", key("brief"), ALDER.root, ca_extensions(key("brief"), 0), span=(NOW - HOUR, NOW + DAY))
    chain = [*ALDER.server("a.test", parent=brief, days=1).chain, ALDER.root.certificate]
    error = refusal(lambda: Collector(Web()).collect(chain, NOW))
    assert error.reason == "status-missing"
    assert "CN=brief CA" in error.detail


def test_what_is_logged_of_evidence_names_the_request_that_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is fetched in a thread of its own."""
    named: list[str | None] = []
    monkeypatch.setattr(collector_module.LOG, "warning", lambda *_: named.append(REQUEST_ID.get()))
    token = REQUEST_ID.set("0" * 32)
    try:
        refusal(lambda: Collector(Web()).collect([*site(ocsp_url=OCSP).chain, ALDER.root.certificate], NOW))
    finally:
        REQUEST_ID.reset(token)
    assert set(named) == {"0" * 32}


def test_each_piece_is_counted_by_whether_it_was_kept() -> None:
    counted: list[bool] = []
    collector = Collector(Web().ocsp(SITE).ocsp(ISSUING), count=counted.append)
    for _ in range(2):
        collector.collect(CHAIN, NOW)
    assert sorted(counted) == [False, False, True, True]


def test_what_failed_is_said_and_why_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A certificate's URLs may lead anywhere: whoever names it does not learn what answers there."""
    subject = site(ocsp_url=OCSP, crl=True)
    error = refusal(lambda: Collector(Web()).collect([*subject.chain, ALDER.root.certificate], NOW))
    assert error.reason == "status-missing"
    assert error.detail == "CN=www.example.test: what it names cannot be fetched; lives longer than 7 days"
    assert all(f"{url!r}: nothing there" in caplog.text for url in (OCSP, CRL))


@pytest.mark.parametrize("url", ["https://ocsp.alder.test/", "ldap://ocsp.alder.test/"])
def test_only_http_is_asked(url: str) -> None:
    subject, web = site(ocsp_url=url), Web()
    refusal(lambda: Collector(web).collect([subject.certificate, ISSUING.certificate], NOW))
    assert web.asked == []


def test_an_answer_may_be_bounded() -> None:
    web = Web().ocsp(ISSUING, next_update=NOW + 48 * HOUR)
    arguments = (ISSUING.certificate, ALDER.root.certificate, NOW, web)
    assert by_ocsp(*arguments).response
    assert refusal(lambda: by_ocsp(*arguments, max_validity=timedelta(hours=48))).reason == "status-stale"


def test_evidence_is_kept_for_a_while() -> None:
    web = Web().ocsp(SITE).ocsp(ISSUING)
    collector = Collector(web)
    first = collector.collect(CHAIN, NOW)
    assert collector.collect(CHAIN, NOW + KEPT_FOR - timedelta(seconds=1)) == first
    assert len(web.asked) == 2
    collector.collect(CHAIN, NOW + KEPT_FOR)
    assert len(web.asked) == 4


def test_evidence_is_never_kept_beyond_its_next_update() -> None:
    web = Web().ocsp(SITE, next_update=NOW + timedelta(minutes=1)).ocsp(ISSUING)
    collector = Collector(web)
    collector.collect(CHAIN, NOW)
    assert refusal(lambda: collector.collect(CHAIN, NOW + timedelta(minutes=1))).reason == "status-missing"


def test_a_failure_is_not_kept() -> None:
    web = Web().ocsp(ISSUING)
    collector = Collector(web)
    refusal(lambda: collector.collect(CHAIN, NOW))
    web.ocsp(SITE)
    assert len(collector.collect(CHAIN, NOW)) == 2


def test_the_memory_is_bounded_in_octets() -> None:
    """Room for one of two pieces: the response of the one forces out the other."""
    web = Web().ocsp(SITE).ocsp(ISSUING)
    collector = Collector(web, kept_octets=4096)
    for _ in range(2):
        collector.collect(CHAIN, NOW)
    assert len(web.asked) > 2
    roomy = Collector(web, kept_octets=8192)
    web.asked.clear()
    for _ in range(2):
        roomy.collect(CHAIN, NOW)
    assert len(web.asked) == 2


def test_a_list_whose_url_is_none_is_missing_like_any_other() -> None:
    """`urlsplit` raises for half an IPv6 address; a verdict, and no fault of the VAS."""
    odd = x509.DistributionPoint([x509.UniformResourceIdentifier("http://[::1/issuing.crl")], None, None, None)
    extensions = [*leaf_extensions(SERVER_AUTH, ["www.example.test"]), (x509.CRLDistributionPoints([odd]), False)]
    subject = issue("www.example.test", key("www.example.test"), ISSUING, extensions, span=SPAN)
    web = Web().ocsp(ISSUING)
    error = refusal(lambda: Collector(web).collect([*subject.chain, ALDER.root.certificate], NOW))
    assert error.reason == "status-missing"
