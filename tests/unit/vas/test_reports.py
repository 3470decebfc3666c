"""Reports of clients (docs/spec F1, F2): who is heard, and how long a report is kept."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.event import listen

from mecai.protocol.objects.entries import encode_certificate
from mecai.vas.storage import reports as bounds
from mecai.vas.storage.reports import KEPT, ReportLog
from tests.pki import DAY, HOUR, NOW
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, Make, Vas
from tests.unit.vas.reporting import (
    HASH,
    REPORT,
    SEEN,
    STRANGER,
    Others,
    code,
    feed,
    id_of,
    kinds,
    make_reporting,
    pass_on,
    rows_of_reports,
    signer,
    tell,
    worker,
)


@pytest.fixture
def vas(make: Make, publish: Publish) -> Vas:
    return make_reporting(make, publish)


def test_a_report_is_stored_once_a_day_and_public_without_its_reporter(vas: Vas) -> None:
    receipt = {"certificate": HASH, "address": "198.18.113.9", "day": "2026-03-02"}
    for reporter in ("192.0.2.7", "198.51.100.8"):
        assert tell(vas, reporter) == (200, receipt)
    public = {name: value for name, value in SEEN.items() if name != "text"}
    whole = {**public, "certificate": HASH, "received": "2026-03-02T12:00:00Z", "authority": id_of(BIRCH).hex()}
    assert feed(vas) == {"reports": [whole]}
    (filed,) = ReportLog(vas.server.engine).listed(10, NOW)
    assert (filed.reporter, filed.report.text) == ("192.0.2.7", SEEN["text"])
    assert kinds(vas) == ["report"]


def test_another_day_or_address_is_another_report(vas: Vas) -> None:
    tell(vas)
    tell(vas, address="198.18.113.10")
    vas.outside.now = NOW + DAY
    tell(vas)
    tell(vas, time="2026-03-03T11:00:00Z")
    assert [(each["address"], each["time"][:10]) for each in feed(vas)["reports"]] == [
        ("198.18.113.9", "2026-03-03"),
        ("198.18.113.10", "2026-03-02"),
        ("198.18.113.9", "2026-03-02"),
    ]


def test_it_changes_no_trust(vas: Vas) -> None:
    tell(vas)
    assert vas.ask().status_code == 200
    assert vas.rows() == (1, 1)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"chain": None}, "report: member 'chain' is missing"),
        ({"chain": []}, "chain: 0 certificates, expected 1..10"),
        ({"chain": ["AAAA"]}, "report.chain"),
        ({"chain": ["\ud800"]}, "report.chain: expected base64"),  # JSON has strings that no UTF-8 has
        ({"chain": [SEEN["chain"][0]] * 11}, "chain: 11 certificates"),
        ({"address": "localhost"}, "report.address: 'localhost' is no IP address"),
        ({"address": "fe80::1%eth0"}, "report.address: "),
        ({"address": "10.1.2.3"}, "report.address: 10.1.2.3 is in 10.0.0.0/8 (private)"),
        ({"address": "fd00::1"}, "report.address: fd00::1 is in fc00::/7 (unique local)"),
        ({"port": 0}, "port: 0 is outside"),
        ({"port": True}, "report.port: expected an integer"),
        ({"verdict": "<script>"}, "report.verdict: expected one of accepted, warned, refused"),
        ({"reason": "<script>"}, "reason: expected a reason code"),
        ({"reason": None}, "reason: expected a reason code"),
        ({"verdict": "accepted"}, "reason: must be absent"),
        ({"text": "x" * 1001}, "report.text: expected a text of 1..1000"),
        ({"text": "\x1b[2J"}, "report.text: expected a text"),
        ({"time": "2026-02-28T11:59:59Z"}, "report.time: expected the last 2 days"),
        ({"time": "2026-03-02T12:05:01Z"}, "report.time: expected the last 2 days"),
    ],
)
def test_what_is_no_report(vas: Vas, changes: dict[str, Any], detail: str) -> None:
    answer = tell(vas, **changes)
    assert code(answer) == (400, "malformed")
    assert answer[1]["detail"].startswith(detail)
    assert feed(vas) == {"reports": []}


def test_a_chain_that_is_too_large(vas: Vas) -> None:
    names = [f"{n}.{'long' * 14}.example.test" for n in range(600)]
    large = encode_certificate(ALDER.server("www.example.test", *names).certificate)
    answer = tell(vas, chain=[large])
    assert code(answer) == (400, "malformed")
    assert "octets, more than 40960" in answer[1]["detail"]
    assert code(tell(vas, chain=[large] * 2)) == (413, "too-large")


def test_another_media_type_is_not_read(vas: Vas) -> None:
    answer = vas.http.post("/v1/reports", data=b"x", content_type="text/plain")
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (415, "unsupported-media-type")


def test_only_what_reaches_a_root_is_stored(vas: Vas) -> None:
    made_up = STRANGER.server("www.example.test")
    chain = [encode_certificate(each) for each in (made_up.certificate, STRANGER.issuing.certificate)]
    assert code(tell(vas, chain=chain)) == (403, "untrusted")
    tell(vas, chain=[*SEEN["chain"], encode_certificate(STRANGER.issuing.certificate)])
    assert [each["chain"] for each in feed(vas)["reports"]] == [SEEN["chain"]]


def test_what_was_good_when_it_was_seen_may_have_ended_since(vas: Vas) -> None:
    short = ALDER.server("www.example.test", days=1)
    vas.outside.now = NOW + 30 * HOUR
    chain = [encode_certificate(short.certificate), SEEN["chain"][1]]
    assert tell(vas, chain=chain)[0] == 200
    assert code(tell(vas, chain=chain, time="2026-03-03T18:00:00Z")) == (403, "untrusted")


def test_a_reporter_has_so_many_a_day_at_whatever_address_of_his(make: Make) -> None:
    vas = make(reports_per_day=3)
    for place in range(3):
        assert tell(vas, f"2001:db8::{place}", address=f"198.18.113.{place}")[0] == 200
    assert code(tell(vas, "2001:db8::9")) == (429, "too-many-requests")
    assert tell(vas, "192.0.2.8")[0] == 200


@pytest.mark.parametrize(
    ("name", "what"), [("PER_CERTIFICATE", "reports of one certificate"), ("PER_DAY", "reports in")]
)
def test_a_flood_of_many_reporters_is_bounded(vas: Vas, monkeypatch: pytest.MonkeyPatch, name: str, what: str) -> None:
    monkeypatch.setattr(bounds, name, 3)
    for place in range(3):
        assert tell(vas, f"192.0.2.{place}", address=f"198.18.113.{place}")[0] == 200
    answer = tell(vas, "192.0.2.77", address="198.18.113.77")
    assert code(answer) == (429, "too-many-requests")
    assert answer[1]["detail"].startswith(f"more than 3 {what}")
    assert tell(vas, "192.0.2.78", address="198.18.113.2")[0] == 200  # known already: no further one
    assert len(feed(vas)["reports"]) == 3
    assert kinds(vas) == ["report"] * 3
    assert pass_on(vas, signer(CEDAR).pass_on(replace(REPORT, address=bytes([1, 1, 1, 1]))))[0] == 200
    vas.outside.now += DAY + HOUR
    assert tell(vas, "192.0.2.78", address="198.18.113.88")[0] == 200


def test_two_nodes_that_get_one_report_at_once_store_and_send_one(vas: Vas) -> None:
    at_once = 8
    barrier = Barrier(at_once, timeout=60)

    def node(place: int) -> bool:
        barrier.wait()
        return ReportLog(vas.server.engine).keep(REPORT, NOW, reporter=f"192.0.2.{place}")

    with ThreadPoolExecutor(at_once) as pool:
        assert sorted(pool.map(node, range(at_once))) == [False] * (at_once - 1) + [True]
    assert kinds(vas) == ["report"]


def test_old_reports_go(vas: Vas) -> None:
    log = ReportLog(vas.server.engine)
    log.keep(REPORT, NOW, reporter="192.0.2.7")
    log.keep(replace(REPORT, time=NOW + DAY), NOW + KEPT + timedelta(seconds=1), reporter="192.0.2.7")
    assert rows_of_reports(vas) == 1


def test_an_old_report_is_not_shown_though_nobody_brings_another(vas: Vas) -> None:
    log = ReportLog(vas.server.engine)
    log.keep(REPORT, NOW, reporter="192.0.2.7")
    (filed,) = log.listed(10, NOW + KEPT)
    assert log.find(filed.id, NOW + KEPT) == filed
    later = NOW + KEPT + timedelta(seconds=1)
    assert log.listed(10, later) == ()
    assert log.find(filed.id, later) is None
    vas.outside.now = later
    assert feed(vas) == {"reports": []}


def test_the_worker_drops_old_reports_and_what_was_done_for_them(vas: Vas, tmp_path: Path) -> None:
    tell(vas)
    runner = worker(vas, Others(), tmp_path)
    runner.run()
    assert (rows_of_reports(vas), kinds(vas)) == (1, ["report"] + ["forward"] * 3)
    vas.outside.now = NOW + KEPT + timedelta(seconds=1)
    runner.run()
    assert (rows_of_reports(vas), kinds(vas)) == (0, [])


def test_storing_looks_through_nothing_old(vas: Vas) -> None:
    """Neither what is known already nor what is new: that would lock the database for long, each time."""
    log = ReportLog(vas.server.engine)
    log.keep(REPORT, NOW, reporter="192.0.2.7")
    said: list[str] = []
    listen(vas.server.engine, "before_cursor_execute", lambda _c, _u, statement, *_: said.append(statement))
    for place in (9, 9, 10):
        log.keep(replace(REPORT, address=bytes([198, 18, 113, place])), NOW, reporter="192.0.2.7")
    assert said
    assert not [each for each in said if each.startswith("DELETE")]
