"""The owner of a domain objects to a certificate (docs/spec H9): who is heard, what follows, and who decides."""

from typing import Any

import pytest
from sqlalchemy import select

from mecai.errors import InputError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import certificate_hash
from mecai.vas.storage.complaints import ComplaintLog, Decision
from mecai.vas.storage.tables import OUTBOX
from tests.pki import HOUR, NOW
from tests.unit.vas.outside import ALDER, ONE, SITE, Make, Vas

HASH = certificate_hash(SITE.der)
NAME = "_mecai-complaint.www.example.test"
WILD = ALDER.server("*.wild.test", days=91)


@pytest.fixture
def seen(make: Make) -> Vas:
    """Make a VAS that vouches for the site and a wildcard, the proof in the DNS."""
    vas = make()
    vas.outside.responders.know(ALDER, WILD)
    assert vas.ask().status_code == 200
    vas.outside.texts[NAME] = (b"v=spf1 -all", HASH.hex().encode())
    return vas


def object_to(vas: Vas, certificate: bytes = HASH, domain: str = "www.example.test") -> tuple[int, Any]:
    answer = vas.http.post("/v1/complaints", json={"certificate": certificate.hex(), "domain": domain})
    return answer.status_code, answer.json


def code(document: Any) -> str:
    return str(document["type"].rpartition("/")[2])


def test_an_objection_stops_vouchers(seen: Vas) -> None:
    raised = f"{seen.outside.now:%Y-%m-%dT%H:%M:%SZ}"
    expected = {"certificate": HASH.hex(), "domain": "www.example.test", "raised": raised, "status": "disputed"}
    assert object_to(seen) == (200, expected)
    status, reason, document = seen.refused()
    assert (status, reason) == (403, "disputed")
    assert document["detail"] == f"certificate: disputed since {raised} by the owner of one of its domains"


def test_objecting_twice_is_objecting_once(seen: Vas) -> None:
    first = object_to(seen)
    seen.outside.now += HOUR
    assert object_to(seen, domain="WWW.example.test") == first
    with seen.server.engine.connect() as connection:
        kinds = connection.execute(select(OUTBOX.c.kind)).scalars().all()
    assert sorted(kinds) == ["complaint", "first-sight"]


def test_a_wildcard_is_its_domains(seen: Vas) -> None:
    seen.outside.shown[ONE] = WILD.chain_der
    assert seen.ask(VoucherRequest(WILD.der, WILD.chain_der[1:], (ONE,), 443)).status_code == 200
    digest = certificate_hash(WILD.der)
    seen.outside.texts["_mecai-complaint.wild.test"] = (digest.hex().encode(),)
    assert object_to(seen, digest, "wild.test")[0] == 200


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ((), "seen no TXT record"),
        ((b"0" * 64, b""), "seen 2 TXT records, none of them that"),
        ((HASH.hex().encode() + b"0",), "seen 1 TXT records, none of them that"),
    ],
)
def test_somebody_else_is_not_heard(seen: Vas, text: tuple[bytes, ...], detail: str) -> None:
    seen.outside.texts[NAME] = text
    status, document = object_to(seen)
    assert (status, code(document)) == (403, "not-proved")
    assert document["detail"] == f"domain: expected TXT {HASH.hex()} at {NAME}, {detail}"
    assert seen.ask().status_code == 200


def test_a_dns_that_fails_proves_nothing(seen: Vas) -> None:
    seen.outside.texts[NAME] = OSError("SERVFAIL from 192.0.2.53")
    status, document = object_to(seen)
    assert (status, code(document)) == (502, "unreachable")
    assert "192.0.2.53" not in document["detail"]


@pytest.mark.parametrize(
    ("certificate", "domain"), [(bytes(32), "www.example.test"), (HASH, "example.test"), (HASH, "other.example.test")]
)
def test_what_is_not_in_the_log(seen: Vas, certificate: bytes, domain: str) -> None:
    status, document = object_to(seen, certificate, domain)
    assert (status, code(document)) == (404, "unknown-certificate")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", "complaint: expected a JSON object"),
        (b"{", "complaint: no strict JSON"),
        (b'{"certificate": "00", "domain": "a"}', "complaint.certificate: expected 32 octets"),
        (b'{"certificate": "' + b"0" * 64 + b'"}', "complaint: member 'domain' is missing"),
    ],
)
def test_what_is_no_objection(seen: Vas, body: bytes, field: str) -> None:
    answer = seen.http.post("/v1/complaints", data=body, content_type="application/json")
    assert (answer.status_code, code(answer.json)) == (400, "malformed")
    assert answer.json["detail"].startswith(field)


def test_objections_are_counted_by_who_makes_them(make: Make) -> None:
    vas = make(requests_per_minute=1)
    assert object_to(vas)[0] == 404
    status, document = object_to(vas)
    assert (status, code(document)) == (429, "too-many-requests")


@pytest.mark.parametrize(("decision", "answer"), [(Decision.DISMISSED, 200), (Decision.UPHELD, 403)])
def test_an_operator_decides(seen: Vas, decision: Decision, answer: int) -> None:
    object_to(seen)
    log = ComplaintLog(seen.server.engine)
    (complaint,) = log.listed()
    assert (complaint.domain, complaint.decision) == ("www.example.test", None)
    assert log.decide(HASH, decision, "asked the owner", NOW) == 1
    assert seen.ask().status_code == answer
    status, document = object_to(seen)  # the same again changes nothing
    assert (status, document["status"]) == (200, decision)
    assert seen.ask().status_code == answer


def test_there_is_nothing_to_decide_twice(seen: Vas) -> None:
    with pytest.raises(InputError, match="no objection to it is open"):
        ComplaintLog(seen.server.engine).decide(HASH, Decision.DISMISSED, "", NOW)


def test_dismissing_one_objection_does_not_undo_another_that_was_upheld(seen: Vas) -> None:
    log = ComplaintLog(seen.server.engine)
    object_to(seen)
    log.decide(HASH, Decision.UPHELD, "stolen", NOW)
    both = ALDER.server("www.example.test", "other.example.test", days=93)
    assert certificate_hash(both.der) != HASH
    with pytest.raises(InputError):
        log.decide(certificate_hash(both.der), Decision.DISMISSED, "", NOW)
    assert seen.refused()[1] == "disputed"
