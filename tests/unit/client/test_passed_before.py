"""A connection that shows what passed before is not judged again, until something of it ends; any other one is."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mecai import tls
from mecai.client import Outcome, Refused, Verdict, VoucherContext, VoucherObject, context, peer
from mecai.client.attempt import Attempt
from mecai.client.policy import ClientPolicy
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.authorities import Directory, Distrust
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import spki_hash
from mecai.service.deadline import Deadline
from mecai.tls import verifying
from tests.scene import HOST
from tests.unit.client.world import World
from tests.unit.tls.memory import Pair, stapling_server

world = World()
HOUR = timedelta(hours=1)
VOUCHER = world.local_voucher("birch")
ANSWER = encode_vouchers([VOUCHER])
FACTS = tls.Facts("TLSv1.3", "TLS_AES_128_GCM_SHA256", world.site.chain_der, world.staple, False, False)
EXTENSION = RequestExtension(1, tuple(each.authority for each in world.directory.authorities), ("MOZ",))
OTHER = world.alder.server(HOST)


class Client:
    """A client whose clock a test sets, and the times at which it judged."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Directory = world.directory) -> None:
        self.now, self.judged = world.now, list[datetime]()
        self.context = VoucherContext(ClientPolicy(), directory, bytes(32), clock=lambda: self.now)
        judge = context.judge

        def noted(*words: Any) -> Any:
            self.judged.append(words[-1])
            return judge(*words)

        monkeypatch.setattr(context, "judge", noted)

    def meet(
        self,
        answer: bytes | None = ANSWER,
        facts: tls.Facts = FACTS,
        attempt: Callable[[Attempt], Attempt] = lambda each: each,
    ) -> Verdict:
        """Judge a connection that shows this."""
        exchange = tls.Exchange({})
        exchange.answer = answer
        made = attempt(Attempt(EXTENSION, exchange, HOST, "127.0.0.1", self.context.policy))
        return self.context.judge(made, facts, Deadline(0))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Make one that has met the server."""
    client = Client(monkeypatch)
    assert client.meet().outcome is Outcome.ACCEPTED
    return client


def test_what_passed_passes_again_unjudged(client: Client) -> None:
    first = client.meet()
    client.now += HOUR
    again = client.meet()
    assert (again.outcome, again.vouched) == (Outcome.ACCEPTED, first.vouched)
    assert client.judged == [world.now]


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "no voucher": ({"answer": None}, "no-voucher"),
    "changed voucher": ({"answer": encode_vouchers([VOUCHER[:-1] + bytes([VOUCHER[-1] ^ 1])])}, "bad-signature"),
    "another certificate": ({"facts": replace(FACTS, chain=OTHER.chain_der)}, "certificate-mismatch"),
    "another chain": ({"facts": replace(FACTS, chain=FACTS.chain[:1])}, "untrusted"),
    "a staple": ({"facts": replace(FACTS, staple=world.alder.ocsp(world.site, "revoked"))}, "revoked"),
    "a resumed session": ({"facts": replace(FACTS, resumed=True)}, "no-voucher"),
    "another address": ({"attempt": lambda each: replace(each, peer_address="127.0.0.2")}, "address-mismatch"),
    "another name": ({"attempt": lambda each: replace(each, server_name="other.example.test")}, "untrusted"),
    "other candidates": (
        {"attempt": lambda each: replace(each, extension=replace(EXTENSION, candidates=(bytes(8),)))},
        "not-a-candidate",
    ),
    "a greater quorum": ({"attempt": lambda each: replace(each, extension=replace(EXTENSION, quorum=2))}, "quorum"),
    "other contexts": (
        {"attempt": lambda each: replace(each, extension=replace(EXTENSION, contexts=("CAB",)))},
        "context-missing",
    ),
}


@pytest.mark.parametrize(("shown", "reason"), OTHERS.values(), ids=OTHERS)
def test_whatever_differs_is_judged(client: Client, shown: dict[str, Any], reason: str) -> None:
    for _ in range(2):  # and a refusal is not remembered
        verdict = client.meet(**shown)
        assert (verdict.outcome, verdict.reason) == (Outcome.REFUSED, reason)
    assert client.judged == [world.now] * 3
    assert client.meet().outcome is Outcome.ACCEPTED


def test_a_voucher_that_was_named_is_none_where_it_was_not(client: Client) -> None:
    none = encode_vouchers([])
    cached = (parse_voucher(VOUCHER),)
    assert client.meet(none, attempt=lambda each: replace(each, cached=cached)).outcome is Outcome.ACCEPTED
    assert client.meet(none).reason == "no-voucher"


def test_it_ends_with_its_voucher(client: Client) -> None:
    ends = world.info(world.birch).next_update
    client.now = ends - timedelta(seconds=1)
    assert client.meet().outcome is Outcome.ACCEPTED
    client.now = ends
    assert client.meet().reason == "expired"
    assert client.judged == [world.now, ends]


def test_a_clock_that_goes_back_asks_anew(client: Client) -> None:
    client.now -= HOUR
    assert client.meet().reason == "not-yet-valid"


def test_it_ends_with_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch, replace(world.directory, expires=world.now + HOUR))
    assert client.meet().outcome is Outcome.ACCEPTED
    client.now += HOUR
    assert client.meet().reason == "directory-expired"


@pytest.mark.parametrize(("distrusted", "reason"), [("alder", "distrusted"), ("birch", "untrusted-authority")])
def test_it_ends_where_distrust_begins(monkeypatch: pytest.MonkeyPatch, distrusted: str, reason: str) -> None:
    key = spki_hash(getattr(world, distrusted).root.certificate)
    entry = Distrust(key, world.now + HOUR, "compromised")
    client = Client(monkeypatch, replace(world.directory, distrust=(entry,)))
    assert client.meet().outcome is Outcome.ACCEPTED
    client.now += HOUR
    assert client.meet().reason == reason


def test_of_more_than_passed_nothing_is_remembered(client: Client) -> None:
    """One that fails today may bring a revocation tomorrow."""
    early = world.voucher(world.cedar, addresses=((127).to_bytes(4),), this_update=world.now + HOUR)
    both = encode_vouchers([VOUCHER, early])
    for _ in range(2):
        assert client.meet(both).outcome is Outcome.ACCEPTED
    assert len(client.judged) == 3


@pytest.mark.parametrize(("selection", "named"), [("sticky", [0, 0, 1]), ("random", [0, 1, 2])])
def test_the_same_candidates_are_named_until_others_are_drawn(selection: str, named: list[int]) -> None:
    now = world.now
    directory, policy = replace(world.directory, expires=now + timedelta(days=60)), ClientPolicy(selection=selection)
    demanding = VoucherContext(policy, directory, bytes(32), clock=lambda: now)
    offers: list[RequestExtension | None] = []
    for ahead in (timedelta(), HOUR, timedelta(days=30)):
        now = world.now + ahead
        made = demanding.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=HOST)
        offers.append(demanding.begin(made._sslobj, HOST, "127.0.0.1").extension)  # type: ignore[attr-defined]
    first_seen = [next(place for place, offer in enumerate(offers) if offer is each) for each in offers]
    assert [sorted(set(first_seen)).index(each) for each in first_seen] == named


class Shaker:
    """A client that shakes hands with the server in memory; `times` tells how often OpenSSL verified a chain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mode: str = "enforce") -> None:
        self.now, self.times = world.now, 0
        self.context = VoucherContext(ClientPolicy(mode=mode), world.directory, bytes(32), clock=lambda: self.now)
        openssl = verifying._waiting()

        class Counting:
            def X509_verify_cert(_, store: int) -> int:  # noqa: N802, N805 - OpenSSL's name
                self.times += 1
                return int(openssl.X509_verify_cert(store))

        monkeypatch.setattr(verifying, "_waiting", Counting)

    def meet(self, name: str = HOST, answer: bytes = ANSWER) -> Verdict:
        """Shake hands with a server that shows the same chain each time; returns the verdict."""
        pair = Pair(self.context, stapling_server(world.site, answer), name)
        with peer("127.0.0.1"), suppress(Refused):
            pair.handshake()
        assert isinstance(pair.client, VoucherObject)
        assert pair.client.verdict is not None
        return pair.client.verdict


def test_openssl_verifies_the_chain_of_what_passed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Shaker(monkeypatch)
    assert [client.meet().outcome for _ in range(3)] == [Outcome.ACCEPTED] * 3
    assert client.times == 1
    client.now = world.info(world.birch).next_update
    assert client.meet().reason == "expired"
    assert client.times == 2


def test_another_answer_with_that_chain_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Shaker(monkeypatch)
    client.meet()
    assert client.meet(answer=encode_vouchers([])).reason == "no-voucher"
    assert client.times == 1


def test_a_chain_is_verified_for_each_name(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Shaker(monkeypatch)
    client.meet()
    client.meet("localhost")
    assert client.times == 2


def test_and_again_where_openssl_is_told_to_ask_more_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Shaker(monkeypatch)
    client.meet()
    client.context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with pytest.raises(ssl.SSLCertVerificationError, match="CRL"):
        client.meet()
    assert client.times == 2


@pytest.mark.parametrize(("mode", "answer"), [("warn", ANSWER), ("enforce", encode_vouchers([]))])
def test_openssl_verifies_each_time_what_no_verdict_held_back(
    monkeypatch: pytest.MonkeyPatch, mode: str, answer: bytes
) -> None:
    """Under `warn` nothing else ends the connection; and what was refused is not remembered."""
    client = Shaker(monkeypatch, mode)
    for _ in range(2):
        client.meet(answer=answer)
    assert client.times == 2
