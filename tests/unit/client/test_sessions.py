"""Sessions are resumed where the policy says so (docs/spec, T8): at their own place, while their verdict holds.

The attacks are those of a server that gives tickets and then is another one: at another address, with another
certificate, after its vouchers have ended.
"""

import ctypes
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mecai.cli.show.client import print_text
from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext, VoucherObject, peer
from mecai.client import sessions as module
from mecai.client.document import verdict_document
from mecai.client.domain_entry import DomainEntry
from mecai.client.request import Destination
from mecai.client.sessions import SPARE, Kept, Place, Sessions, Standing
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.verify.connection import Policy
from mecai.tls.library import library
from mecai.tls.pointers import context_pointer
from tests.scene import HOST
from tests.unit.client.world import LOOPBACK, World
from tests.unit.tls.memory import Pair, server_context, stapling_server

world = World()
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13])
ANSWER = world.answer("birch", "cedar", "dogwood")
ENDS = world.info(world.birch).next_update
SSL_CTRL_SET_TLSEXT_TICKET_KEYS = 59  # ssl.h
NO_EXTENDED_MASTER_SECRET = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3


class Client:
    """A client that resumes, whose clock a test sets."""

    def __init__(self, **settings: Any) -> None:
        self.now = world.now
        self.policy = ClientPolicy(**{"resume": True, "candidates": 4} | settings)
        self.context = VoucherContext(self.policy, world.directory, bytes(32), clock=lambda: self.now)

    def begin(self, server: ssl.SSLContext, name: str = HOST) -> Pair:
        """Begin a connection."""
        return Pair(self.context, server, name)

    def meet(
        self,
        server: ssl.SSLContext,
        address: str = "127.0.0.1",
        name: str = HOST,
        port: int | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> tuple[Verdict, bool]:
        """Connect, and read what comes after the handshake; return the verdict, and whether a session was resumed."""
        pair = self.begin(server, name)
        with peer(address, port):
            with pytest.raises(ssl.SSLWantReadError):
                pair.client.do_handshake()
            meanwhile()
            try:
                pair.handshake()
                pair.server.write(b"tickets come with this")
                pair.client.read()
            except Refused:
                pass
        assert isinstance(pair.client, VoucherObject)
        assert pair.client.verdict is not None
        return pair.client.verdict, bool(pair.client.session_reused)


def server(version: ssl.TLSVersion = TLS13, answer: bytes | None = ANSWER) -> ssl.SSLContext:
    return stapling_server(world.site, answer, version)


def share_tickets(*servers: ssl.SSLContext) -> None:
    """Let servers take each other's tickets (SSL_CTX_set_tlsext_ticket_keys(3))."""
    keys = ctypes.create_string_buffer(bytes(range(80)), 80)
    for each in servers:
        pointer = ctypes.cast(keys, ctypes.c_void_p)
        assert library().SSL_CTX_ctrl(context_pointer(each), SSL_CTRL_SET_TLSEXT_TICKET_KEYS, 80, pointer) == 1


@VERSIONS
def test_a_resumed_connection_has_the_verdict_that_it_goes_on_with(version: ssl.TLSVersion) -> None:
    client, answering = Client(), server(version)
    first, resumed = client.meet(answering)
    assert (first.outcome, first.grounds.resumed, resumed) == (Outcome.ACCEPTED, None, False)
    for _ in range(3):  # each brings the session of the next one, and none makes the verdict newer
        client.now += HOUR
        verdict, resumed = client.meet(answering)
        assert resumed
        assert (verdict.outcome, verdict.vouched) == (Outcome.ACCEPTED, first.vouched)
        assert verdict.grounds.resumed == world.now
        assert (verdict.cost.chain, verdict.cost.staple) == (0, 0)
        assert verdict.facts.chain == first.facts.chain  # as the session has it: what a report needs


def test_a_person_is_told_whose_verdict_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    client, answering = Client(), server()
    times = [client.meet(answering)[0] for _ in range(2)]
    documents = [verdict_document(Destination(HOST, 443), verdict, client.context) for verdict in times]
    moment = f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
    assert [each["resumed"] for each in documents] == [None, moment]
    for document in documents:
        print_text(document | {"timings": {}})
    assert capsys.readouterr().out.count(f"resumed, verdict of {moment}\n") == 1


def test_without_the_key_none_is_resumed() -> None:
    client, answering = Client(resume=False), server()
    assert [client.meet(answering)[1] for _ in range(2)] == [False, False]


def test_under_warn_none_is_kept() -> None:
    """M1; a domain may have a mode of its own."""
    client, answering = Client(mode="warn"), server()
    assert [client.meet(answering)[1] for _ in range(2)] == [False, False]
    client = Client(domains=(DomainEntry((HOST,), mode="warn"),))
    assert [client.meet(answering)[1] for _ in range(2)] == [False, False]


@VERSIONS
def test_at_another_address_everything_is_judged(version: ssl.TLSVersion) -> None:
    """V9: the server has the keys of its tickets there, too."""
    client, answering = Client(), server(version)
    client.meet(answering)
    verdict, resumed = client.meet(answering, "127.0.0.2")
    assert (verdict.reason, resumed) == ("address-mismatch", False)


def test_at_another_port_everything_is_judged() -> None:
    client, answering = Client(), server()
    client.meet(answering, port=443)
    assert client.meet(answering, port=8443)[1] is False
    assert client.meet(answering, port=443)[1] is True


@VERSIONS
def test_a_server_with_the_keys_of_the_tickets_and_another_certificate(version: ssl.TLSVersion) -> None:
    """It stands for the one that was judged, where that was, until its verdict ends; anywhere else it is judged."""
    rogue = server_context(world.alder.server(HOST))
    rogue.minimum_version = rogue.maximum_version = version
    client, answering = Client(), server(version)
    share_tickets(answering, rogue)
    first, _ = client.meet(answering)
    verdict, resumed = client.meet(rogue)
    assert (resumed, verdict.vouched, verdict.facts.chain) == (True, first.vouched, first.facts.chain)
    verdict, resumed = client.meet(rogue, "127.0.0.2")
    assert (verdict.reason, resumed) == ("no-voucher", False)
    client.meet(answering)
    client.now = ENDS
    verdict, resumed = client.meet(rogue)
    assert (verdict.reason, resumed) == ("no-voucher", False)


@VERSIONS
def test_for_another_name_everything_is_judged(version: ssl.TLSVersion) -> None:
    """The certificate holds for both, and only one of them was asked for."""
    client, answering = Client(), server(version)
    client.meet(answering)
    assert client.meet(answering, name="localhost")[1] is False
    assert client.meet(answering)[1] is True


@VERSIONS
def test_a_session_ends_with_what_its_verdict_rests_upon(version: ssl.TLSVersion) -> None:
    """A certificate that is revoked meanwhile has no longer: nobody signs what outlives its evidence (V11)."""
    client, answering = Client(), server(version)
    client.meet(answering)
    client.now = ENDS - SPARE - SECOND
    assert client.meet(answering)[1] is True
    client.now = ENDS - SPARE
    assert client.meet(answering)[1] is False
    client.now = ENDS
    verdict, resumed = client.meet(answering)
    assert (verdict.reason, resumed) == ("expired", False)


def test_a_clock_that_goes_back_offers_none() -> None:
    client, answering = Client(), server()
    client.meet(answering)
    client.now -= SECOND
    assert client.meet(answering)[1] is False


@VERSIONS
def test_a_verdict_that_ends_in_the_handshake_is_none(version: ssl.TLSVersion) -> None:
    client, answering = Client(), server(version)
    client.meet(answering)

    def wait() -> None:
        client.now = ENDS

    verdict, resumed = client.meet(answering, meanwhile=wait)
    assert (verdict.outcome, verdict.reason, verdict.rule, resumed) == (Outcome.REFUSED, "no-voucher", "T8", True)


def test_an_acceptance_beside_what_failed_is_not_gone_on_with() -> None:
    """What does not count now may bring a revocation in a minute."""
    early = world.voucher(world.cedar, addresses=LOOPBACK, this_update=world.now + HOUR)
    client = Client()
    answering = server(answer=encode_vouchers([world.local_voucher("birch"), early]))
    assert [client.meet(answering)[0].outcome for _ in range(2)] == [Outcome.ACCEPTED] * 2
    assert client.meet(answering)[1] is False


@VERSIONS
def test_of_a_refused_connection_nothing_is_kept(version: ssl.TLSVersion) -> None:
    client, bare = Client(), server(version, None)
    for _ in range(2):
        verdict, resumed = client.meet(bare)
        assert (verdict.reason, resumed) == ("no-voucher", False)


@VERSIONS
def test_a_refusal_ends_the_sessions_of_the_name(version: ssl.TLSVersion) -> None:
    client, answering = Client(), server(version)
    client.meet(answering)
    assert client.meet(server(version, None), "127.0.0.2")[0].outcome is Outcome.REFUSED
    assert client.meet(answering)[1] is False


def test_tls_1_2_without_extended_master_secret_is_not_resumed() -> None:
    client, answering = Client(), server(TLS12)
    answering.options |= NO_EXTENDED_MASTER_SECRET
    verdict, _ = client.meet(answering)
    assert (verdict.outcome, verdict.facts.extended_master_secret) == (Outcome.ACCEPTED, False)
    assert client.meet(answering)[1] is False


@VERSIONS
def test_other_candidates_are_another_policy(version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an epoch, or another draw: who was not asked has not vouched."""
    client, answering = Client(), server(version)
    client.meet(answering)
    client.context.chooser.forget()
    named = client.context.chooser.candidates(HOST)
    monkeypatch.setattr(client.context.chooser, "candidates", lambda _: named[::-1])
    assert client.meet(answering)[1] is False


def test_another_directory_is_another_context_which_has_none() -> None:
    """A client that runs for days makes it (`mecai.client.trust`)."""
    client, answering = Client(), server()
    client.meet(answering)
    directory = replace(world.directory, sequence=world.directory.sequence + 1)
    client.context = VoucherContext(client.policy, directory, bytes(32), clock=lambda: client.now)
    assert client.meet(answering)[1] is False


@VERSIONS
def test_a_session_that_a_program_brings_is_not_gone_on_with(version: ssl.TLSVersion) -> None:
    """One of another address, say; that which was kept goes before it, and where none was, it is refused."""
    client, answering = Client(), server(version)
    first = client.begin(answering)
    with peer("127.0.0.1"):
        first.handshake()
        first.server.write(b"tickets come with this")
        first.client.read()
    second = client.begin(answering)
    assert isinstance(second.client, VoucherObject)
    second.client.session = first.client.session
    with peer("127.0.0.2"), pytest.raises(Refused) as caught:
        second.handshake()
    assert caught.value.verdict.rule == ("T8" if second.client.session_reused else "V9")


def test_who_shows_another_certificate_of_its_own_begins_anew(tmp_path: Path) -> None:
    """The server would go on with whom it knew."""
    client, answering, own = Client(), server(), world.alder.server("client.example.test")
    (tmp_path / "own.pem").write_bytes(own.chain_pem + own.key_pem)
    client.meet(answering)
    client.context.load_cert_chain(tmp_path / "own.pem")
    assert client.meet(answering)[1] is False


RULES = Policy(candidates=(bytes(32),), quorum=1, contexts=())


def place(name: str = HOST, address: str = "127.0.0.1") -> Place:
    return Place(name, address, 443, RULES)


def kept(where: Place) -> Kept:
    return Kept(object(), where, Standing((), world.now, ENDS))  # type: ignore[arg-type]  # none of them is used


def test_a_ticket_that_comes_late_belongs_to_the_certificate_that_it_began_with(tmp_path: Path) -> None:
    client, answering, own = Client(), server(), world.birch.server("client.test")
    (tmp_path / "own.pem").write_bytes(own.chain_pem + own.key_pem)
    pair = client.begin(answering)
    with peer("127.0.0.1"):
        pair.handshake()
        client.context.load_cert_chain(tmp_path / "own.pem")
        pair.server.write(b"tickets come with this")
        pair.client.read()
    assert client.meet(answering)[1] is False


def test_each_is_given_once_the_newest_first() -> None:
    sessions, there = Sessions(), [kept(place()) for _ in range(2)]
    for each in (*there, other := kept(place(address="127.0.0.2"))):
        sessions.keep(each)
    found = [sessions.take(place(), world.now) for _ in range(3)]
    assert found == [there[1], there[0], None]
    assert sessions.take(place(address="127.0.0.2"), world.now) is other


def test_a_server_that_gives_many_has_the_newest_kept() -> None:
    sessions, there = Sessions(), [kept(place()) for _ in range(100)]
    for each in there:
        sessions.keep(each)
    found = [sessions.take(place(), world.now) for _ in range(module.SESSIONS + 1)]
    assert found == [*reversed(there[-module.SESSIONS :]), None]


def test_of_many_names_those_used_last_are_kept() -> None:
    sessions = Sessions()
    for number in range(module.NAMES + 1):
        sessions.keep(kept(place(f"{number}.example.test")))
    assert sessions.take(place("0.example.test"), world.now) is None
    assert sessions.take(place("1.example.test"), world.now) is not None
