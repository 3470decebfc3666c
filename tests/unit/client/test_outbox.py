"""Reports that wait in a file: what is kept, for how long, and who sends which."""

import multiprocessing
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mecai.client import outbox as module
from mecai.client.outbox import LEASE, Claim, Outbox
from mecai.client.report import report_name
from mecai.errors import HostError, InputError
from mecai.protocol.objects.report import Report, Verdict
from tests.patience import SECONDS
from tests.pki import NOW, Hierarchy
from tests.unit.client.killed import kill_at_work

ALDER = Hierarchy("alder")
REPORT = Report(ALDER.server("www.example.test").chain, bytes([1, 1, 1, 1]), 443, NOW, Verdict.REFUSED, "no-voucher")
NAME = report_name(REPORT)
BIRCH, CEDAR = b"birch...", b"cedar..."
HOUR = timedelta(hours=1)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "state" / "reports.sqlite3")


def put(outbox: Outbox, report: Report = REPORT, *, held: bool = False) -> bool | None:
    return outbox.put(report, b"{}", (BIRCH, CEDAR), report.time, held=held)


def test_each_authority_is_told_once(outbox: Outbox) -> None:
    assert put(outbox) is True
    assert put(outbox) is False
    claims = [outbox.claim(NOW), outbox.claim(NOW), outbox.claim(NOW)]
    assert claims == [Claim(NAME, BIRCH, 1, b"{}"), Claim(NAME, CEDAR, 1, b"{}"), None]


def test_a_program_that_ends_while_it_tells_leaves_it_to_the_next(outbox: Outbox) -> None:
    put(outbox)
    assert outbox.claim(NOW)
    outbox.claim(NOW)
    other = Outbox(outbox.path)
    assert other.claim(NOW + LEASE - timedelta(seconds=1)) is None
    assert other.claim(NOW + LEASE) == Claim(NAME, BIRCH, 2, b"{}")


def test_what_came_of_it_stands_there(outbox: Outbox) -> None:
    put(outbox)
    taken, failed = outbox.claim(NOW), outbox.claim(NOW)
    assert taken
    assert failed
    outbox.settle(taken, "taken", None)
    outbox.settle(failed, "timed out", NOW + HOUR)
    assert outbox.next_due(NOW) == NOW + HOUR
    (kept,) = outbox.list(NOW)
    assert (kept.name, kept.site, kept.reason, kept.held) == (NAME, "www.example.test:443", "no-voucher", False)
    assert [(each.said, each.due, each.tries) for each in kept.deliveries] == [
        ("taken", None, 1),
        ("timed out", NOW + HOUR, 1),
    ]
    outbox.release(NAME, NOW)
    assert outbox.claim(NOW) == Claim(NAME, CEDAR, 2, b"{}")
    assert outbox.claim(NOW) is None


def test_what_waits_for_a_persons_word_goes_nowhere(outbox: Outbox) -> None:
    assert put(outbox, held=True) is True
    assert put(outbox, held=True) is True
    assert (outbox.claim(NOW), outbox.next_due(NOW)) == (None, None)
    outbox.release(NAME, NOW)
    assert outbox.claim(NOW)


def test_what_is_dropped_is_gone(outbox: Outbox) -> None:
    put(outbox)
    outbox.drop(NAME, NOW)
    assert (outbox.claim(NOW), outbox.list(NOW)) == (None, ())
    for act in (outbox.drop, outbox.release):
        with pytest.raises(InputError, match=f"{NAME}: no such report"):
            act(NAME, NOW)


def test_nothing_stays_for_longer_than_it_is_taken(outbox: Outbox) -> None:
    put(outbox)
    end = NOW + timedelta(hours=48)
    assert len(outbox.list(end - timedelta(seconds=1))) == 1
    assert (outbox.claim(end), outbox.next_due(end)) == (None, None)
    assert outbox.list(end) == ()
    assert put(outbox, replace(REPORT, time=end)) is True


def test_what_nobody_takes_any_more_takes_no_room(outbox: Outbox) -> None:
    for last in range(module.OF_A_CERTIFICATE):
        put(outbox, replace(REPORT, address=bytes([1, 1, 1, last])))
    assert put(outbox, replace(REPORT, time=NOW + timedelta(hours=47))) is None
    assert put(outbox, replace(REPORT, time=NOW + timedelta(hours=48))) is True


def test_a_flood_washes_nothing_out(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [replace(REPORT, address=bytes([1, 1, 1, last])) for last in range(6)]
    assert [put(outbox, each) for each in at] == [True, True, True, True, None, None]
    monkeypatch.setattr(module, "REPORTS", 5)
    chains = [ALDER.server(f"{name}.example.test").chain for name in "ab"]
    assert [put(outbox, replace(REPORT, chain=chain)) for chain in chains] == [True, None]
    assert {kept.name for kept in outbox.list(NOW)} >= set(map(report_name, at[:4]))


def test_nobody_else_may_read_it(outbox: Outbox) -> None:
    put(outbox)
    assert [each.stat().st_mode & 0o777 for each in (outbox.path, outbox.path.parent)] == [0o600, 0o700]
    outbox.path.chmod(0o644)
    assert put(outbox, replace(REPORT, time=NOW + HOUR * 24)) is None
    with pytest.raises(HostError, match="others may read or write it"):
        outbox.list(NOW)


def test_what_is_no_outbox_stays_as_it_is(outbox: Outbox) -> None:
    outbox.path.parent.mkdir()
    outbox.path.write_bytes(b"a letter" * 100)
    outbox.path.chmod(0o600)
    assert put(outbox) is None
    assert outbox.path.read_bytes() == b"a letter" * 100


def test_what_is_broken_is_made_anew(outbox: Outbox) -> None:
    put(outbox)
    outbox.path.write_bytes(outbox.path.read_bytes()[:5000])
    assert put(outbox) is True
    assert outbox.claim(NOW)


def test_a_program_that_is_killed_at_work_leaves_what_was_there(outbox: Outbox) -> None:
    put(outbox)
    row = "INSERT INTO delivery VALUES (?, zeroblob(16000), 0, 0, '')"
    kill_at_work(outbox.path, "DELETE FROM delivery", row)
    assert Outbox(outbox.path).claim(NOW) == Claim(NAME, BIRCH, 1, b"{}")


def _claim_all(path: Path, number: int, found: "multiprocessing.Queue[list[tuple[str, bytes]]]") -> None:
    del number
    outbox, mine = Outbox(path), []
    while claim := outbox.claim(NOW):
        mine.append((claim.report, claim.authority))
    found.put(mine)


def test_two_programs_send_nothing_twice(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OF_A_CERTIFICATE", 20)
    monkeypatch.setattr(module, "UNHURRIED", SECONDS)
    for last in range(10):
        put(outbox, replace(REPORT, address=bytes([1, 1, 1, last])))
    fork = multiprocessing.get_context("fork")
    found = fork.Queue()
    others = [fork.Process(target=_claim_all, args=(outbox.path, number, found)) for number in range(2)]
    for each in others:
        each.start()
    told = [pair for _ in others for pair in found.get(timeout=SECONDS)]
    for each in others:
        each.join(SECONDS)
    assert (len(told), len(set(told))) == (20, 20)


def test_another_version_is_made_anew(outbox: Outbox) -> None:
    put(outbox)
    with sqlite3.connect(outbox.path) as other:
        other.execute("PRAGMA user_version = 7")
    other.close()
    assert put(outbox) is True
