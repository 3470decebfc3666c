"""Direct mode over real sockets: a server that staples nothing, and authorities that answer well, badly, or not."""

import asyncio
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from mecai.client import ClientPolicy, Outcome, VoucherContext, open_connection
from mecai.client.fetch import JudgedConnection, connect
from mecai.client.policy import read_policy
from mecai.client.request import Destination
from mecai.client.verdict import Refused
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.pki.identity import address_octets
from mecai.service.deadline import Deadline
from tests.integration.played_vas import Handle, Vas, answering
from tests.integration.tls_server import TlsServer
from tests.integration.town import site as staples
from tests.patience import SECONDS
from tests.scene import HOST, authority_entry, directory_of
from tests.unit.client.world import World

world = World()
ADDRESS = f"127.77.{os.getpid() % 250}.9"
BIRCH = authority_entry(world.birch).authority
VOUCHER = world.voucher(world.birch, addresses=(address_octets(ADDRESS),))
VOUCHER_TYPE = "application/mecai-voucher"
GOOD = answering(200, VOUCHER_TYPE, VOUCHER)


@pytest.fixture
def vas(tmp_path: Path) -> Iterator[Vas]:
    vas = Vas(tmp_path)
    vas.handle = GOOD
    yield vas
    vas.close()


@pytest.fixture
def site() -> Iterator[TlsServer]:
    """Serve at a port that authorities look at, knowing nothing of vouchers."""
    try:
        server = TlsServer([world.site], address=ADDRESS, port=443)
    except PermissionError:
        pytest.skip("port 443 cannot be bound; run the integration tests as root")
    with server:
        yield server


def client(vas: Vas, **changes: object) -> VoucherContext:
    entry = replace(authority_entry(world.birch), servers=(vas.server(),))
    alder = replace(authority_entry(world.alder), servers=())
    policy = ClientPolicy(direct="unstapled", allowed_networks=(ip_network("127.0.0.0/8"),), candidates=1)
    return VoucherContext(replace(policy, **changes), directory_of(alder, entry, now=world.now), bytes(32))  # type: ignore[arg-type]


def visit(context: VoucherContext, seconds: float = SECONDS) -> JudgedConnection:
    resolved = [address_octets(ADDRESS)]
    connection = connect(Destination(HOST, 443), context, Deadline(seconds), lambda _name, _deadline: resolved)
    if connection.socket:
        connection.socket.close()
    return connection


def test_a_server_without_vouchers_is_asked_about_once(vas: Vas, site: TlsServer) -> None:
    context = client(vas)
    verdict = visit(context).verdict
    assert (verdict.outcome, verdict.asked) == (Outcome.ACCEPTED, (BIRCH,))
    assert [each.authority.name for each in verdict.vouched] == ["birch"]
    again = visit(context).verdict
    assert (again.outcome, again.asked) == (Outcome.ACCEPTED, ())
    assert [path for path, _ in vas.requests] == ["/v1/vouchers"]
    assert [met.data for met in site.history] == [b"", b""]


@pytest.mark.usefixtures("site")
def test_nobody_is_asked_where_the_policy_does_not_say_so(vas: Vas) -> None:
    assert visit(client(vas, direct="never")).verdict.reason == "no-voucher"
    assert vas.requests == []


def test_what_a_server_sent_is_its_answer_and_nobody_else_is_asked(vas: Vas) -> None:
    with staples(world.site, "", encode_vouchers([OTHER]), (ADDRESS, 443)):
        verdict = visit(client(vas)).verdict
    assert (verdict.reason, verdict.rule, vas.requests) == ("certificate-mismatch", "V8", [])


@pytest.mark.usefixtures("site")
def test_vouchers_of_authorities_are_not_named_to_the_server(vas: Vas) -> None:
    context = client(vas, cache=True)
    assert visit(context).verdict.outcome is Outcome.ACCEPTED
    assert context._cache.held(HOST) == ()


@pytest.mark.usefixtures("site")
def test_always_means_that_the_server_is_not_asked(vas: Vas) -> None:
    verdict = visit(client(vas, direct="always")).verdict
    assert (verdict.outcome, verdict.request, verdict.asked) == (Outcome.ACCEPTED, 0, (BIRCH,))


def without_end(handler: http.server.BaseHTTPRequestHandler, *, every: float = 0.0) -> None:
    """Send a voucher that does not end, an octet `every` so many seconds or 4096 at once, as long as anybody reads."""
    pause = threading.Event()
    handler.send_response(200)
    handler.send_header("Content-Type", VOUCHER_TYPE)
    handler.end_headers()
    with suppress(OSError):
        while not pause.wait(every):
            handler.wfile.write(b"0" if every else bytes(4096))


drip = partial(without_end, every=0.05)
OTHER = world.voucher(world.birch, site=world.alder.server("other.example.test"), addresses=(address_octets(ADDRESS),))
HOSTILE = {
    "garbage": (answering(200, VOUCHER_TYPE, b"garbage"), "malformed", "V1"),
    "too long": (answering(200, VOUCHER_TYPE, bytes(1 << 20)), "malformed", "M5"),
    "another page": (answering(200, "text/html", b"<h1>Hello</h1>"), "malformed", "M5"),
    "without end": (without_end, "malformed", "M5"),
    "drop by drop": (drip, "no-voucher", "M5"),
    "another certificate's": (answering(200, VOUCHER_TYPE, OTHER), "certificate-mismatch", "V8"),
    "a redirect": (answering(302, "text/html", b"", Location="https://127.0.0.1/v1/vouchers"), "no-voucher", "M5"),
    "a redirect that keeps the question": (answering(308, "text/html", b"", Location="/v2"), "no-voucher", "M5"),
    "another certificate seen": (
        answering(409, "application/problem+json", '{"type": "x/certificate-mismatch", "detail": "saw another"}'),
        "certificate-mismatch",
        "M5",
    ),
}


@pytest.mark.parametrize(("handle", "reason", "rule"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_authority_ends_in_a_reason_in_time(
    handle: Handle, reason: str, rule: str, vas: Vas, site: TlsServer
) -> None:
    vas.handle = handle
    verdict = visit(client(vas), 2.0 if handle is drip else SECONDS).verdict
    assert (verdict.outcome, verdict.reason, verdict.rule) == (Outcome.REFUSED, reason, rule)
    assert len(vas.requests) == 1
    assert "\n" not in verdict.detail
    assert [met.data for met in site.history] in ([], [b""])


@pytest.mark.usefixtures("site")
def test_a_program_with_asyncio_goes_on_meanwhile(vas: Vas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_all, **_more: [(2, 1, 6, "", (ADDRESS, 0))])
    context, moved = client(vas), list[bool]()

    async def program() -> Outcome:
        loop = asyncio.get_running_loop()
        going_on = asyncio.Event()

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            asyncio.run_coroutine_threadsafe(go_on(), loop).result(SECONDS)
            GOOD(handler)

        async def go_on() -> None:
            moved.append(True)
            going_on.set()

        vas.handle = answer
        reader, writer = await open_connection(HOST, 443, context, seconds=SECONDS)
        del reader
        outcome: Outcome = writer.get_extra_info("ssl_object").verdict.outcome
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return outcome

    assert (asyncio.run(program()), moved) == (Outcome.ACCEPTED, [True])


@pytest.mark.usefixtures("site")
def test_a_refusal_of_direct_mode_is_a_refusal(vas: Vas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_all, **_more: [(2, 1, 6, "", (ADDRESS, 0))])
    vas.handle = answering(200, VOUCHER_TYPE, OTHER)

    async def program() -> str:
        with pytest.raises(Refused) as caught:
            await open_connection(HOST, 443, client(vas), seconds=SECONDS)
        return caught.value.reason

    assert asyncio.run(program()) == "certificate-mismatch"


def test_direct_mode_is_for_some_domains(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    path.write_text('[[domain]]\ndomains = ["example.test"]\ndirect = "unstapled"\n')
    policy = read_policy(path)
    assert [policy.at(host).direct for host in (HOST, "other.test")] == ["unstapled", "never"]
    assert policy.instead(None, None, direct=True).at("other.test").direct == "unstapled"
