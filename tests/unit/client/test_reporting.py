"""Reports on their way: who is drawn, who is asked, what is tried again and when."""

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mecai import tls
from mecai.client import reporting
from mecai.client.attempt import Attempt
from mecai.client.besides import Besides
from mecai.client.choices import ALWAYS, ASK
from mecai.client.choosing import rules_of
from mecai.client.errands import Errands
from mecai.client.policy import ClientPolicy
from mecai.client.report import report_name
from mecai.client.reporting import FIRST_PAUSE, LONGEST_PAUSE, TAKEN, Reporter
from mecai.client.tellable import Tellable
from mecai.net.addresses import AddressPolicy
from mecai.protocol.objects.authorities import Server
from mecai.protocol.objects.report import Report, parse_report
from mecai.service.deadline import Deadline
from mecai.vrp.answers import RequestRefused
from mecai.vrp.tell import ToldInVain
from tests.patience import SECONDS
from tests.pki import NOW
from tests.scene import Scene
from tests.unit.client.test_report import REFUSED, SITE

SCENE = Scene()
URLS = {f"https://vas.{name}.test" for name in ("alder", "birch", "cedar", "dogwood")}


@dataclass
class Post:
    """What was told, and what the authority at a URL answers: nothing, or an error."""

    failures: dict[str, Exception] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    bodies: set[bytes] = field(default_factory=set)

    def tell(self, servers: Sequence[Server], path: str, kind: str, octets: bytes, deadline: Deadline) -> None:
        """Stand in for `mecai.vrp.tell.tell`."""
        assert (path, kind) == ("v1/reports", "application/json")
        assert 0 < deadline.left() <= reporting.SECONDS
        (server,) = servers
        self.told.append(server.url)
        self.bodies.add(octets)
        if failure := self.failures.get(server.url):
            raise failure


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    post = Post()
    monkeypatch.setattr(reporting, "tell", post.tell)
    return post


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def reporter(folder: Path, authorities: int = 2, seed: int = 1, clock: Clock | None = None) -> Reporter:
    may = Tellable((), AddressPolicy())
    draw = random.Random(seed)  # noqa: S311 - a test draws what can be drawn again
    return Reporter(folder / "r.sqlite3", SCENE.directory, may, authorities, clock or Clock(), draw, Errands())


def refuse(reporter: Reporter, how: str = ALWAYS) -> None:
    reporter.refused(REFUSED, "www.example.test", 443, how)
    assert reporter.errands.wait(Deadline(SECONDS))


def test_a_refusal_is_told_to_as_many_as_are_wanted(tmp_path: Path, post: Post) -> None:
    refuse(reporter(tmp_path))
    assert len(set(post.told)) == len(post.told) == 2
    (body,) = post.bodies
    told = parse_report(body)
    assert (told.chain, told.port, told.reason, told.text) == (SITE.chain, 443, "no-voucher", None)
    assert set(json.loads(body)) == {"chain", "address", "port", "time", "verdict", "reason"}


def test_who_is_told_is_drawn(tmp_path: Path, post: Post) -> None:
    drawn = set()
    for seed in range(20):
        (tmp_path / str(seed)).mkdir()
        refuse(reporter(tmp_path / str(seed), 1, seed))
        drawn.add(post.told.pop())
    assert drawn == URLS


def test_the_same_again_is_no_report_more(tmp_path: Path, post: Post) -> None:
    first = reporter(tmp_path)
    for each in (first, first, reporter(tmp_path)):
        refuse(each)
    assert len(post.told) == 2


def test_what_fails_is_tried_again_after_a_pause_by_another_program(tmp_path: Path, post: Post) -> None:
    clock = Clock()
    post.failures = dict.fromkeys(URLS, RequestRefused("connection refused"))
    refuse(reporter(tmp_path, clock=clock))
    assert len(post.told) == 2
    post.failures.clear()
    later = reporter(tmp_path, clock=clock)
    assert later.tell_due(Deadline(SECONDS)) == []
    clock.now = NOW + FIRST_PAUSE
    assert [each.said for each in later.tell_due(Deadline(SECONDS))] == [TAKEN, TAKEN]
    assert sorted(post.told[:2]) == sorted(post.told[2:])


def test_a_program_that_comes_later_sends_what_is_left(tmp_path: Path, post: Post) -> None:
    clock = Clock()
    post.failures = dict.fromkeys(URLS, RequestRefused("connection refused"))
    refuse(reporter(tmp_path, clock=clock))
    post.failures.clear()
    clock.now = NOW + FIRST_PAUSE
    later = reporter(tmp_path, clock=clock)
    later.resume()
    assert later.errands.wait(Deadline(SECONDS))
    assert len(post.told) == 4


def test_pauses_grow_and_have_an_end(tmp_path: Path, post: Post) -> None:
    clock = Clock()
    post.failures = dict.fromkeys(URLS, RequestRefused("connection refused"))
    one = reporter(tmp_path, 1, clock=clock)
    refuse(one)
    pauses = []
    while due := one.outbox.next_due(clock.now):
        pauses.append(due - clock.now)
        clock.now = due
        one.tell_due(Deadline(SECONDS))
    assert pauses[:4] == [FIRST_PAUSE * 2**power for power in range(4)]
    assert max(pauses) == LONGEST_PAUSE
    assert timedelta(hours=40) < sum(pauses[:-1], timedelta()) < timedelta(hours=48)  # the last one never comes
    assert len(post.told) == len(pauses)


def test_the_pause_that_is_asked_for_is_made(tmp_path: Path, post: Post) -> None:
    post.failures = dict.fromkeys(URLS, RequestRefused("busy", retry=timedelta(minutes=7)))
    one = reporter(tmp_path)
    refuse(one)
    assert one.outbox.next_due(NOW) == NOW + timedelta(minutes=7)


def test_what_is_told_in_vain_is_told_no_more(tmp_path: Path, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.failures = dict.fromkeys(URLS, ToldInVain("malformed: no"))
    one = reporter(tmp_path)
    refuse(one)
    assert one.outbox.next_due(NOW) is None
    assert [record.message.endswith(": malformed: no") for record in caplog.records] == [True, True]


def test_an_authority_that_is_in_no_directory_any_more_is_told_nothing(tmp_path: Path, post: Post) -> None:
    refuse(reporter(tmp_path), ASK)
    one = reporter(tmp_path)
    one._directory = replace(SCENE.directory, authorities=())
    (kept,) = one.outbox.list(NOW)
    one.decide(kept.name, send=True)
    assert one.errands.wait(Deadline(SECONDS))
    (kept,) = one.outbox.list(NOW)
    assert {each.said for each in kept.deliveries} == {"no directory lists a server of it any longer"}
    assert post.told == []


@pytest.mark.parametrize(("word", "told", "left"), [(True, 2, [False]), (False, 0, []), (None, 0, [True])])
def test_a_program_asks(word: bool | None, told: int, left: list[bool], tmp_path: Path, post: Post) -> None:
    one, asked = reporter(tmp_path), list[Report]()

    def ask(report: Report) -> bool | None:
        asked.append(report)
        return word

    one.ask = ask
    refuse(one, ASK)
    assert [report_name(each) for each in asked] == [report_name(asked[0])]
    assert (len(post.told), [each.held for each in one.outbox.list(NOW)]) == (told, left)


def test_one_who_asks_badly_breaks_nothing(tmp_path: Path, post: Post) -> None:
    one = reporter(tmp_path)
    one.ask = lambda _report: 1 / 0  # type: ignore[assignment,return-value]
    refuse(one, ASK)
    assert (post.told, [each.held for each in one.outbox.list(NOW)]) == ([], [True])


@pytest.mark.parametrize("changes", [{"peer_address": "10.0.0.1"}, {"peer_address": None}, {"intranet": True}])
def test_what_is_private_leaves_no_trace(changes: dict[str, object], tmp_path: Path, post: Post) -> None:
    one = reporter(tmp_path)
    one.refused(replace(REFUSED, **changes), "www.example.test", 443, ALWAYS)  # type: ignore[arg-type]
    one.refused(REFUSED, "printer.local", 443, ALWAYS)
    one.refused(REFUSED, "www.example.test", None, ALWAYS)
    assert one.errands.wait(Deadline(SECONDS))
    assert (post.told, one.outbox.path.exists()) == ([], False)


def test_an_outbox_that_cannot_be_used_is_one_line(
    tmp_path: Path, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "r.sqlite3").mkdir()
    with caplog.at_level(logging.WARNING):
        refuse(reporter(tmp_path))
    assert post.told == []
    assert caplog.records
    assert not any("\n" in record.message for record in caplog.records)


def test_a_domain_has_its_own_word_on_it(tmp_path: Path) -> None:
    """What is reported of one domain says nothing of another, where one program meets both."""
    policy = ClientPolicy(report_file=tmp_path / "r.sqlite3")
    asking = replace(policy, reporting=ASK)
    draw = random.Random(1)  # noqa: S311 - a test draws what can be drawn again
    besides = Besides(policy, (policy, asking), SCENE.directory, Clock(), draw)
    assert besides.reporter
    for each, kept in ((policy, 0), (asking, 1)):
        begun = Attempt(None, tls.Exchange({}), "www.example.test", REFUSED.peer_address, each, port=443)
        besides.follow(begun, REFUSED, rules_of)
        assert len(besides.reporter.outbox.list(NOW)) == kept
