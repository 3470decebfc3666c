"""Audits: how often, who is asked, what each answer comes to, and that nobody waits (docs/spec S6)."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from mecai import tls
from mecai.client import direct
from mecai.client.attempt import Attempt
from mecai.client.audit import Audited, Auditor
from mecai.client.errands import Errands
from mecai.client.policy import ClientPolicy
from mecai.client.regional import RegionalEntry
from mecai.client.tellable import Tellable
from mecai.client.verdict import Grounds, Outcome, Verdict
from mecai.net.addresses import AddressPolicy
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.authorities import Directory, Distrust, Server
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.verify.connection import Policy, Vouched
from mecai.service.deadline import Deadline
from mecai.tls import Facts
from mecai.vrp.answers import Held, RequestRefused
from tests.patience import SECONDS
from tests.pki import NOW
from tests.scene import HOST, Scene, authority_entry

SCENE = Scene()
IDS = {name: authority_entry(getattr(SCENE, name)).authority for name in ("alder", "birch", "cedar", "dogwood")}
FACTS = Facts("TLSv1.3", "", SCENE.site.chain_der, None, resumed=False, extended_master_secret=True)
NAMED = (IDS["birch"], IDS["cedar"])  # of the others, alder is the issuer's and dogwood nobody's
RULES = Policy(NAMED, contexts=("MOZ",))
MAY = Tellable((), AddressPolicy((ip_network("198.18.0.0/15"),)))
VOUCHED: tuple[Vouched, ...] = SCENE.accept(SCENE.voucher(SCENE.birch)).vouched
VERDICT = Verdict(Outcome.ACCEPTED, None, None, "", Grounds(VOUCHED), False, NAMED, "198.18.0.10", FACTS, seconds=0.0)


def attempt(audit: float = 1.0, *, answer: bytes | None = b"vouchers", **changes: Any) -> Attempt:
    exchange = tls.Exchange({})
    exchange.answer = answer
    made = Attempt(RequestExtension(1, NAMED, ("MOZ",)), exchange, HOST, "198.18.0.10", ClientPolicy(audit=audit))
    return replace(made, **{"port": 443, **changes})


class World:
    """An auditor, what it heard, what disagreed, and what the authorities say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int = 1, directory: Directory = SCENE.directory) -> None:
        self.asked: list[str] = []
        self.heard: list[Audited] = []
        self.disagreed: list[Verdict] = []
        self.answer: Callable[[], bytes | Held] = lambda: SCENE.voucher(SCENE.dogwood)
        self.errands = Errands()
        draw = random.Random(seed)  # noqa: S311 - a test draws what can be drawn again
        self.auditor = Auditor(directory, MAY, lambda: NOW, draw, self.errands, self._disagree)
        self.auditor.heard = self.heard.append
        monkeypatch.setattr(direct, "ask_server", self._ask)

    def _ask(self, server: Server, _request: bytes, _deadline: Deadline) -> bytes | Held:
        self.asked.append(server.url)
        return self.answer()

    def _disagree(self, _attempt: Attempt, verdict: Verdict) -> None:
        self.disagreed.append(verdict)

    def audit(self, begun: Attempt | None = None, verdict: Verdict = VERDICT) -> None:
        """Let a connection be accepted, and wait for what that leads to."""
        self.auditor.accepted(begun or attempt(), verdict, RULES)
        assert self.errands.wait(Deadline(SECONDS))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_one_that_was_no_candidate_and_is_not_the_issuers_is_asked(world: World) -> None:
    world.audit()
    assert world.asked == ["https://vas.dogwood.test"]
    assert world.heard == [Audited(HOST, "dogwood", True, "")]
    assert world.disagreed == []


def raising(refused: RequestRefused) -> Callable[[], bytes]:
    def answer() -> bytes:
        raise refused

    return answer


REVOKED = [SCENE.alder.ocsp(SCENE.site, status="revoked"), *SCENE.evidence()[1:]]
CONTRADICTIONS = {
    "another certificate": (raising(RequestRefused("saw another", status=409)), "certificate-mismatch", "M5"),
    "revoked, it says": (raising(RequestRefused("revoked: gone", status=403, code="revoked")), "revoked", "M5"),
    "revoked, it proves": (lambda: SCENE.voucher(SCENE.dogwood, evidence=REVOKED), "revoked", "V11"),
}


@pytest.mark.parametrize(("answer", "reason", "rule"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_is_a_report_and_a_line(
    answer: Callable[[], bytes], reason: str, rule: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.answer = answer
    world.audit()
    (disagreed,) = world.disagreed
    assert (disagreed.outcome, disagreed.reason, disagreed.rule) == (Outcome.WARNED, reason, rule)
    assert [each.agrees for each in world.heard] == [False]
    (record,) = caplog.records
    assert record.message.startswith(f"audit: {HOST}: dogwood disagrees: {reason}")


NOTHING: dict[str, Callable[[], bytes | Held]] = {
    "on hold": lambda: Held(datetime(2026, 3, 5, tzinfo=UTC)),
    "down": raising(RequestRefused("no route")),
    "busy": raising(RequestRefused("too many", status=429)),
    "not trusted there": raising(RequestRefused("untrusted", status=403, code="untrusted")),
    "garbage": lambda: b"garbage",
    "another's voucher": lambda: SCENE.voucher(SCENE.birch),
    "a voucher for another": lambda: SCENE.voucher(SCENE.dogwood, site=SCENE.alder.server("other.example.test")),
}


@pytest.mark.parametrize("answer", NOTHING.values(), ids=NOTHING)
def test_what_says_nothing_of_the_server_accuses_nobody(
    answer: Callable[[], bytes | Held], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.answer = answer
    with caplog.at_level(logging.WARNING):
        world.audit()
    assert (world.disagreed, [each.agrees for each in world.heard], caplog.records) == ([], [None], [])


def test_it_happens_as_often_as_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    for _ in range(200):
        world.audit(attempt(0.25))
    assert 30 <= len(world.asked) <= 70
    world.asked.clear()
    for _ in range(20):
        world.audit(attempt(0.0))
    assert world.asked == []


@pytest.mark.parametrize(
    ("begun", "verdict"),
    [
        (attempt(answer=None), VERDICT),
        (attempt(), replace(VERDICT, grounds=Grounds())),
        (attempt(), replace(VERDICT, facts=replace(FACTS, resumed=True))),
        (attempt(port=None), VERDICT),
        (attempt(peer_address="10.0.0.1"), VERDICT),
        (attempt(server_name="printer.local"), VERDICT),
    ],
    ids=["asked directly", "private network", "resumed", "no port", "private address", "private name"],
)
def test_what_a_server_did_not_staple_or_is_private_is_not_audited(
    begun: Attempt, verdict: Verdict, world: World
) -> None:
    world.audit(begun, verdict)
    assert world.asked == []


def test_where_everybody_is_a_candidate_nobody_is_left(world: World) -> None:
    world.audit(verdict=replace(VERDICT, candidates=(*NAMED, IDS["dogwood"])))
    assert world.asked == []


def test_another_authority_of_a_candidates_owner_is_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    group = next(each.owner_group for each in SCENE.directory.authorities if each.authority == IDS["birch"])
    entries = [
        replace(each, owner_group=group) if each.authority == IDS["dogwood"] else each
        for each in SCENE.directory.authorities
    ]
    world = World(monkeypatch, directory=replace(SCENE.directory, authorities=tuple(entries)))
    world.audit()
    assert world.asked == []


def test_where_a_person_wants_no_authority_of_a_region_none_is_asked(world: World) -> None:
    """S4: who must not be named to the server need not hear of it either."""
    (region,) = (each.region for each in SCENE.directory.authorities if each.authority == IDS["dogwood"])
    for domain, asked in (("other.test", 1), (HOST, 0)):
        world.asked.clear()
        policy = ClientPolicy(audit=1.0, regional=(RegionalEntry((domain,), (region,)),))
        world.audit(attempt(policy=policy))
        assert len(world.asked) == asked


def test_one_whose_root_the_directory_distrusts_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Distrust(spki_hash(SCENE.dogwood.root.certificate), NOW, "compromised")
    world = World(monkeypatch, directory=replace(SCENE.directory, distrust=(entry,)))
    world.audit()
    assert world.asked == []


def test_nobody_waits_and_no_more_than_some_are_at_it(world: World) -> None:
    go, begun = threading.Event(), threading.Event()

    def slow() -> bytes:
        begun.set()
        go.wait(SECONDS)
        return SCENE.voucher(SCENE.dogwood)

    world.answer = slow
    world.auditor.accepted(attempt(), VERDICT, RULES)
    assert begun.wait(SECONDS)
    for _ in range(40):
        world.auditor.accepted(attempt(), VERDICT, RULES)
    go.set()
    assert world.errands.wait(Deadline(SECONDS))
    assert len(world.asked) == 17
