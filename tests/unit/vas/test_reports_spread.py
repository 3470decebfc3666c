"""How reports get to other VAs (docs/spec F3): all of them, later where one is down, and none holds up another."""

import base64
import json
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.objects.report import Report, Verdict, parse_passed_on
from mecai.vas.jobs.runner import Runner, run_all_forever
from mecai.vas.reports.spread import SPARED
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.storage.outbox import Message, Outbox, put
from mecai.vas.storage.reports import FORWARD, INCIDENT, ReportLog
from mecai.vas.storage.reports import REPORT as REPORT_KIND
from mecai.vas.storage.tables import REPORTS
from mecai.vas.worker import make_notifier
from mecai.vrp.answers import RequestRefused
from mecai.vrp.tell import REPORT_TYPE, ToldInVain
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, SITE, Make, Vas
from tests.unit.vas.reporting import (
    CEDARS,
    ELM,
    ELMS,
    REPORT,
    SEEN,
    Others,
    id_of,
    listed,
    make_reporting,
    outcomes,
    tell,
    worker,
)


@pytest.fixture
def vas(make: Make, publish: Publish) -> Vas:
    return make_reporting(make, publish)


def test_a_report_gets_to_all_other_vas(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    tell(vas)
    worker(vas, others, tmp_path).run()
    urls = [told[0] for told in others.told]
    assert sorted(urls) == ["https://vas.alder.test", CEDARS, ELMS]
    assert {told[1:3] for told in others.told} == {("v1/reports", REPORT_TYPE)}
    said = parse_passed_on(others.told[0][3])
    said.signed.verify_signature()
    assert said.statement.authority == id_of(BIRCH)
    assert said.statement.report == Report(REPORT.chain, REPORT.address, 443, NOW, Verdict.REFUSED, "no-voucher")
    assert b"my bank" not in others.told[0][3]
    assert outcomes(vas) == {"report": ["to 3 other VAs"], "forward": ["passed on"] * 3}
    tell(vas, "198.51.100.8")
    worker(vas, others, tmp_path).run()
    assert len(others.told) == 3


def test_openssl_takes_what_is_passed_on(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    tell(vas)
    worker(vas, others, tmp_path).run()
    (tmp_path / "report.der").write_bytes(others.told[0][3])
    words = ["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", "report.der", "-out", "report.json"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    said = json.loads((tmp_path / "report.json").read_bytes())
    assert said == {"version": 1, "authority": id_of(BIRCH).hex()} | {k: v for k, v in SEEN.items() if k != "text"}


def test_a_va_that_is_down_gets_it_later_and_holds_up_nobody(vas: Vas, tmp_path: Path) -> None:
    others, now = Others(), vas.outside.now
    others.failures[CEDARS] = RequestRefused("timed out")
    for place in range(5):
        tell(vas, address=f"198.18.113.{place}")
    runner = worker(vas, others, tmp_path)
    runner.run()
    assert [told[0] for told in others.told].count(CEDARS) == 1  # the others of it were not even tried
    assert [told[0] for told in others.told].count(ELMS) == 5
    others.failures.clear()
    vas.outside.now = now + SPARED + HOUR
    runner.run()
    assert [told[0] for told in others.told].count(CEDARS) == 1 + 5
    assert outcomes(vas)["forward"] == ["passed on"] * 15


def test_a_report_that_a_va_refuses_holds_up_no_other(vas: Vas, tmp_path: Path) -> None:
    """Its directories may not have that root yet: it answers, so it is asked on."""
    others = Others()
    others.failures[CEDARS] = RequestRefused("untrusted: report.chain", final=True)
    for place in range(5):
        tell(vas, address=f"198.18.113.{place}")
    worker(vas, others, tmp_path).run()
    assert [told[0] for told in others.told].count(CEDARS) == 5


@pytest.mark.parametrize(
    "answer",
    [
        None,
        RequestRefused("untrusted: report.chain", final=True, status=403),
        RequestRefused("too-many-requests", final=True),
        ToldInVain("malformed: report.time"),
    ],
    ids=["200", "403", "429", "400"],
)
def test_a_slow_va_is_spared_whatever_it_answers(vas: Vas, tmp_path: Path, answer: Exception | None) -> None:
    others = Others()
    others.seconds[CEDARS] = 19.0
    if answer:
        others.failures[CEDARS] = answer
    for place in range(5):
        tell(vas, address=f"198.18.113.{place}")
    runner = worker(vas, others, tmp_path)
    runner.run()
    assert [told[0] for told in others.told].count(CEDARS) == 1
    assert [told[0] for told in others.told].count(ELMS) == 5
    vas.outside.now += SPARED
    runner.run()
    assert [told[0] for told in others.told].count(CEDARS) == 2


def test_a_notice_does_not_wait_for_reports(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    others.seconds[CEDARS] = 19.0
    runner = worker(vas, others, tmp_path)
    tell(vas)
    runner.run()
    incident = Incident(id_of(BIRCH), Kind.CA, bytes(32), NOW, "stolen")
    IncidentLog(vas.server.engine).keep(incident, b"signed", NOW, own=True)
    runner.run()
    assert [told[1] for told in others.told if told[0] == CEDARS] == ["v1/reports", "v1/incidents"]


def test_a_va_that_asks_for_a_pause_has_it(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    others.failures[CEDARS] = RequestRefused("too-many-requests", final=True, retry=2 * HOUR)
    for place in range(5):
        tell(vas, address=f"198.18.113.{place}")
    runner = worker(vas, others, tmp_path)
    for _ in range(12):
        runner.run()
        vas.outside.now += timedelta(minutes=10) - timedelta(seconds=1)
    assert [told[0] for told in others.told].count(CEDARS) == 1
    others.failures.clear()
    vas.outside.now = NOW + 2 * HOUR
    runner.run()
    assert outcomes(vas)["forward"] == ["passed on"] * 15


def test_a_va_that_does_not_know_this_one_is_asked_for_a_day(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    others.failures[CEDARS] = RequestRefused("untrusted: certificate", final=True, status=403)
    tell(vas)
    runner = worker(vas, others, tmp_path)
    for hour in range(48):
        vas.outside.now = NOW + hour * HOUR
        runner.run()
    assert "given up: untrusted: certificate" in outcomes(vas)["forward"]
    asked = [told[0] for told in others.told].count(CEDARS)
    assert 5 < asked < 20


def test_a_mail_waits_for_no_other_va(vas: Vas, tmp_path: Path) -> None:
    """Each runner has kinds of its own, all of them together."""
    notifier = make_notifier(vas.server.config, vas.server.engine, lambda: vas.outside.now)
    spreader = worker(vas, Others(), tmp_path)
    assert not set(notifier.handlers) & set(spreader.handlers)
    assert set(spreader.handlers) == {REPORT_KIND, INCIDENT, FORWARD}


def test_runners_run_beside_each_other(vas: Vas, tmp_path: Path) -> None:
    """One is still telling a VA when the other does its message."""
    stopped, mailed = Event(), Event()

    def tell_slowly(*_: object) -> None:
        assert mailed.wait(60)
        stopped.set()

    others = Others()
    others.tell = tell_slowly  # type: ignore[method-assign, assignment]
    tell(vas)
    spreader = worker(vas, others, tmp_path)
    while spreader.outbox.next_due([FORWARD]) is None:  # the message for all becomes one for each, which then are slow
        message = spreader.outbox.take(vas.outside.now, [REPORT_KIND])
        assert message is not None
        spreader.handlers[REPORT_KIND](message, vas.outside.now)

    def mail(_message: Message, _now: datetime) -> str:
        mailed.set()
        return "delivered"

    with vas.server.engine.begin() as connection:
        put(connection, "mail", "one", {}, NOW, due=NOW)
    notifier = Runner(Outbox(vas.server.engine), {"mail": mail}, lambda: vas.outside.now)
    run_all_forever((spreader, notifier), stopped)
    assert outcomes(vas)["mail"] == ["delivered"]


def test_a_runner_that_fails_ends_the_others(vas: Vas) -> None:
    def broken() -> datetime:
        raise RuntimeError("no clock")

    outbox = Outbox(vas.server.engine)
    with pytest.raises(RuntimeError, match="no clock"):
        run_all_forever((Runner(outbox, {}, lambda: NOW), Runner(outbox, {}, broken)), Event())


def test_what_a_va_will_never_take_is_not_told_again(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    others.failures[CEDARS] = ToldInVain("https://vas.cedar.test: malformed: report.time")
    tell(vas)
    runner = worker(vas, others, tmp_path)
    runner.run()
    vas.outside.now += 6 * DAY
    runner.run()
    assert [told[0] for told in others.told].count(CEDARS) == 1


def test_a_va_that_left_the_directory_is_given_up(vas: Vas, tmp_path: Path, publish: Publish) -> None:
    others = Others()
    others.failures[CEDARS] = RequestRefused("timed out")
    tell(vas)
    runner = worker(vas, others, tmp_path)
    runner.run()
    publish(directory(ALDER, listed(BIRCH), listed(ELM), sequence=3))
    vas.outside.now += DAY
    runner.run()
    assert "given up: no directory lists a server of it any longer" in outcomes(vas)["forward"]


def test_without_a_report_key_nothing_leaves(vas: Vas, tmp_path: Path) -> None:
    others = Others()
    tell(vas)
    worker(vas, others, tmp_path, with_key=False).run()
    assert others.told == []
    assert outcomes(vas)["report"] == ["given up: this VA has no report key: nothing is passed on"]


def test_what_birch_passes_on_cedar_takes(vas: Vas, tmp_path: Path) -> None:
    """The octets that one VA sends are those that another one stores."""
    others = Others()
    tell(vas)
    worker(vas, others, tmp_path).run()
    octets = next(told[3] for told in others.told if told[0] == CEDARS)
    cedar = replace(vas.server.intake.authorship, own=id_of(CEDAR))
    engine = vas.server.engine
    with engine.begin() as connection:
        connection.execute(REPORTS.delete())
    replace(vas.server.intake, authorship=cedar).passed_on(octets, NOW)
    (filed,) = ReportLog(engine).listed(10, NOW)
    assert (filed.authority, filed.report.text) == (id_of(BIRCH), None)
    assert base64.b64decode(SEEN["chain"][0]) == SITE.der
