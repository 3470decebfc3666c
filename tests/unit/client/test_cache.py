"""Cached vouchers: what a client names to a server, and what it forgets (rule C5)."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mecai.client import Outcome, Refused, Verdict, VoucherContext, VoucherObject, peer
from mecai.client.cache import VoucherCache
from mecai.client.cache_file import VoucherFile
from mecai.client.policy import ClientPolicy
from mecai.protocol.codec.tls_answer import VOUCHER, encode_vouchers
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from mecai.protocol.objects.voucher import parse_voucher
from mecai.tls.library import SSL_EXT_TLS1_3_CERTIFICATE
from tests.pki import Hierarchy
from tests.scene import HOST
from tests.unit.client.world import LOOPBACK, World
from tests.unit.tls.memory import Extension, Pair, server_context

world = World()
EMPTY = encode_vouchers([])


@dataclass
class Server:
    """A server that answers as it is told next, and what clients named to it."""

    answer: bytes | None = None
    context: ssl.SSLContext = field(default_factory=lambda: server_context(world.site))

    def __post_init__(self) -> None:
        told = Extension(lambda _message, index: None if index else self.answer)
        told.install(self.context, VOUCHER, SSL_EXT_TLS1_3_CERTIFICATE)
        self._seen = Extension().install(self.context, VOUCHER_REQUEST).seen

    def meet(
        self, client: VoucherContext, answer: bytes | None, address: str | None = "127.0.0.1", name: str = HOST
    ) -> tuple[list[str], Verdict]:
        """Shake hands; returns the hashes that the client named, and its verdict."""
        self.answer = answer
        pair = Pair(client, self.context, name)
        with peer(address):
            try:
                pair.handshake()
                assert isinstance(pair.client, VoucherObject)
                verdict = pair.client.verdict
            except Refused as refusal:
                verdict = refusal.verdict
        request = RequestExtension.decode(self._seen[-1])
        assert request is not None
        assert verdict is not None
        return [each.hex() for each in request.cached], verdict


def client(**settings: object) -> VoucherContext:
    policy = ClientPolicy(**{"cache": True, "profile": "strict", **settings})  # type: ignore[arg-type]  # keys of a test
    return VoucherContext(policy, world.directory, bytes(range(32)), clock=lambda: world.now)


VOUCHERS = [world.local_voucher(name) for name in ("birch", "cedar")]
BOTH = encode_vouchers(VOUCHERS)
HASHES = [parse_voucher(each).hash.hex() for each in VOUCHERS]


def test_what_passed_is_named_and_need_not_be_sent_again() -> None:
    server, browser = Server(), client()
    assert server.meet(browser, BOTH)[0] == []
    named, verdict = server.meet(browser, EMPTY)
    assert named == HASHES
    assert verdict.outcome is Outcome.ACCEPTED
    assert [each.authority.name for each in verdict.vouched] == ["birch", "cedar"]


def test_one_cached_and_one_sent_make_a_quorum() -> None:
    server, browser = Server(), client()
    server.meet(browser, BOTH)
    assert server.meet(browser, encode_vouchers(VOUCHERS[1:]))[1].outcome is Outcome.ACCEPTED


def test_nothing_is_named_to_another_address_or_an_unknown_one() -> None:
    server, browser = Server(), client()
    server.meet(browser, BOTH)
    for address in ("127.0.0.2", None):
        assert server.meet(browser, BOTH, address)[0] == []


def test_nothing_is_named_to_another_host_name() -> None:
    """The same server and certificate under another of its names: no name learns what another knows (S5)."""
    server, browser = Server(), client()
    server.meet(browser, BOTH)
    named, verdict = server.meet(browser, BOTH, name="localhost")
    assert (named, verdict.outcome) == ([], Outcome.ACCEPTED)
    assert server.meet(browser, BOTH)[0] == HASHES


def test_where_the_server_does_not_answer_nothing_counts_and_nothing_stays() -> None:
    server, browser = Server(), client()
    server.meet(browser, BOTH)
    named, verdict = server.meet(browser, None)
    assert (named, verdict.reason) == (HASHES, "no-voucher")
    assert server.meet(browser, BOTH)[0] == []


def test_what_fails_once_is_not_missing_for_ever() -> None:
    """The server has another certificate now; the next attempt asks anew and succeeds."""
    server, browser = Server(), client()
    server.meet(browser, BOTH)
    other = Server(context=server_context(world.alder.server("www.example.test", "elsewhere.example.test")))
    named, verdict = other.meet(browser, EMPTY)
    assert (named, verdict.reason) == (HASHES, "certificate-mismatch")
    assert server.meet(browser, BOTH)[0] == []
    assert server.meet(browser, EMPTY)[1].outcome is Outcome.ACCEPTED


def test_the_next_program_names_what_passed_in_this_one(tmp_path: Path) -> None:
    server, file = Server(), tmp_path / "vouchers.sqlite3"
    server.meet(client(cache_file=file), BOTH)
    named, verdict = server.meet(client(cache_file=file), EMPTY)
    assert (named, verdict.outcome) == (HASHES, Outcome.ACCEPTED)
    assert server.meet(client(cache_file=file, mode="warn"), BOTH)[0] == []


def test_what_somebody_else_wrote_into_the_file_is_believed_by_nobody(tmp_path: Path) -> None:
    """Vouchers of a CA that the directory does not list, and for another certificate."""
    stranger = Hierarchy("stranger", world.now)
    forged = world.voucher(stranger, addresses=LOOPBACK)
    other = world.voucher(world.birch, site=world.alder.server(HOST), addresses=LOOPBACK)
    VoucherFile(tmp_path / "file").settle(HOST, (), map(parse_voucher, (forged, other)))
    server, browser = Server(), client(profile="default", cache_file=tmp_path / "file")
    named, verdict = server.meet(browser, EMPTY)
    assert (named, verdict.reason) == ([parse_voucher(other).hash.hex()], "certificate-mismatch")
    named, verdict = server.meet(browser, BOTH)
    assert (named, verdict.outcome) == ([], Outcome.ACCEPTED)


@pytest.mark.parametrize("settings", [{"cache": False}, {"mode": "warn"}])
def test_who_does_not_cache_names_nothing(settings: dict[str, object]) -> None:
    server, browser = Server(), client(**settings)
    for _ in range(2):
        assert server.meet(browser, BOTH)[0] == []


def test_nothing_is_kept_of_an_unknown_peer() -> None:
    server, browser = Server(), client()
    server.meet(browser, BOTH, None)
    assert server.meet(browser, BOTH)[0] == []


def test_the_names_that_were_used_longest_ago_go_first() -> None:
    cache, voucher = VoucherCache(), parse_voucher(VOUCHERS[0])
    for number in range(257):
        cache.settle(f"{number}.example.test", (), (voucher,))
    assert cache.held("0.example.test") == ()
    assert cache.held("1.example.test") == (voucher,)
    cache.settle("1.example.test", (voucher,), ())
    assert cache.held("1.example.test") == ()
