"""Rule M4 in every way in: a private network's servers are held to its own CA, whose status is proved each time."""

import asyncio
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext, VoucherObject, open_connection
from mecai.client.fetch import Destination, connect
from mecai.client.gate import deferred
from mecai.client.intranet import PrivateNetwork
from mecai.errors import HostError, InputError, VerificationError
from mecai.protocol.codec.tls_answer import VOUCHER, encode_vouchers
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from mecai.protocol.pki.identity import spki_hash
from mecai.service.deadline import Deadline
from mecai.tls import Facts, UnsupportedRuntimeError
from tests.integration.client_servers import PAGE, openssl_server
from tests.integration.private_network import NAME, Responder, Served, entry, responder
from tests.pki import HOUR, Issued
from tests.scene import HOST
from tests.unit.client.world import World
from tests.unit.tls.memory import Pair, server_context

LOOPBACK = IPv4Network("127.0.0.0/8")
MINUTE = timedelta(minutes=1)
world = World()
VOUCHED = world.answer("birch", "cedar", "dogwood")


@pytest.fixture(autouse=True)
def _every_name_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(_host: str, port: int | None, *_more: Any, **_hints: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def corp() -> Iterator[Responder]:
    with responder() as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start servers that last as long as the test."""
    with ExitStack() as stack:

        def start(site: Issued, staple: bytes | None = None, answer: bytes | None = None, *more: str) -> int:
            folder = tmp_path / f"server{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(openssl_server(Served(site, staple), folder, answer, *more))

        yield start


def site_of(corp: Responder, *names: str) -> Issued:
    site = corp.ca.server(*(names or (NAME,)))
    corp.answers.know(corp.ca, site)
    return site


def client(corp: Responder, folder: Path, *pinned: Issued, **settings: Any) -> VoucherContext:
    pins = tuple(spki_hash(each.certificate).hex() for each in pinned)
    networks = settings.pop("networks", (LOOPBACK,))
    policy = ClientPolicy(intranets=(entry(folder, corp.ca, *networks, pins=pins),), **settings)
    return VoucherContext(policy, world.directory, bytes(32))


def judged(context: VoucherContext, port: int, name: str = NAME, seconds: float = 10) -> Verdict:
    connection = connect(Destination(name, port), context, Deadline(seconds))
    if connection.socket:
        connection.socket.close()
    return connection.verdict


def ways(verdict: Verdict) -> list[str]:
    return [proof.way.value for proof in verdict.grounds.proofs]


def test_what_is_not_stapled_is_fetched_and_kept(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    context, port = client(corp, tmp_path), serve(site_of(corp))
    first, second = judged(context, port), judged(context, port)
    assert (first.outcome, first.intranet, ways(first)) == (Outcome.ACCEPTED, True, ["fetched", "fetched"])
    assert (second.outcome, ways(second)) == (Outcome.ACCEPTED, ["remembered", "remembered"])
    assert corp.asked == 2


def test_what_was_fetched_is_kept_for_ten_minutes(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    policy, moments = ClientPolicy(intranets=(entry(tmp_path, corp.ca, LOOPBACK),)), [corp.ca.now]
    context = VoucherContext(policy, world.directory, bytes(32), clock=lambda: moments[-1])
    port, asked = serve(site_of(corp)), []
    for minutes in (0, 9, 10):
        moments.append(corp.ca.now + minutes * MINUTE)
        assert judged(context, port).outcome is Outcome.ACCEPTED
        asked.append(corp.asked)
    assert asked == [2, 2, 4]


def test_how_old_a_status_may_be_is_a_setting(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    corp.said[site.certificate.serial_number] = old(corp, site)
    made = replace(entry(tmp_path, corp.ca, LOOPBACK), max_status_hours=72)
    context = VoucherContext(ClientPolicy(intranets=(made,)), world.directory, bytes(32))
    assert judged(context, serve(site)).outcome is Outcome.ACCEPTED


def test_a_resumed_session_would_prove_nothing(corp: Responder, tmp_path: Path) -> None:
    site = site_of(corp)
    facts = Facts("TLSv1.3", "", site.chain_der, (), None, resumed=False, extended_master_secret=True)
    network = PrivateNetwork(entry(tmp_path, corp.ca, LOOPBACK))
    assert network.judge(facts, NAME, corp.ca.now, Deadline(10))
    with pytest.raises(VerificationError, match="a resumed session shows no certificate"):
        network.judge(replace(facts, resumed=True), NAME, corp.ca.now, Deadline(10))


def test_a_runtime_without_a_way_to_roots_is_found_before_it_matters(
    corp: Responder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hide(*_: object, **_more: object) -> None:
        raise UnsupportedRuntimeError("hidden")

    monkeypatch.setattr("mecai.tls.install", hide)
    with pytest.raises(HostError, match="hidden"):
        client(corp, tmp_path, mode="off")


def test_with_a_pinned_issuing_key_a_staple_suffices(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    corp.down()
    verdict = judged(client(corp, tmp_path, corp.ca.issuing), serve(site, corp.ca.ocsp(site)))
    assert (verdict.outcome, ways(verdict), corp.asked) == (Outcome.ACCEPTED, ["stapled"], 0)


def test_without_it_the_status_of_the_issuing_ca_is_fetched(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    assert ways(judged(client(corp, tmp_path), serve(site, corp.ca.ocsp(site)))) == ["stapled", "fetched"]


def test_a_responder_that_is_down_is_a_refusal_of_its_own(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    corp.down()
    verdict = judged(client(corp, tmp_path), serve(site))
    assert (verdict.outcome, verdict.reason, verdict.rule) == (Outcome.REFUSED, "status-unavailable", "M4")
    assert "answered 503" in verdict.detail


def test_a_responder_that_is_silent_meets_the_deadline(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    port = serve(site_of(corp))
    corp.gate.clear()
    before = Deadline(4)
    verdict = judged(client(corp, tmp_path), port, seconds=1)
    assert (verdict.reason, verdict.detail.endswith("timed out")) == ("status-unavailable", True)
    assert before.left() > 0


def test_a_socket_with_a_timeout_waits_no_longer_for_a_responder(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    port = serve(site_of(corp))
    corp.gate.clear()
    context = client(corp, tmp_path)
    plain = socket.create_connection(("127.0.0.1", port), timeout=0.3)
    before = Deadline(3)
    with pytest.raises(Refused, match=r"status-unavailable.*timed out"):
        context.wrap_socket(plain, server_hostname=NAME)
    assert before.left() > 0


def test_a_responder_in_a_network_that_is_not_allowed_is_not_asked(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    verdict = judged(client(corp, tmp_path, networks=()), serve(site_of(corp)))
    assert (verdict.reason, corp.asked) == ("status-unavailable", 0)
    assert "127.0.0.0/8 (loopback)" in verdict.detail


def test_a_stale_staple_is_made_good_by_the_responder(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    port = serve(site, old(corp, site))
    assert ways(judged(client(corp, tmp_path), port)) == ["fetched", "fetched"]
    corp.down()
    verdict = judged(client(corp, tmp_path), port)
    assert (verdict.reason, "stapled: " in verdict.detail) == ("status-unavailable", True)


def test_a_stale_answer_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    corp.said[site.certificate.serial_number] = old(corp, site)
    verdict = judged(client(corp, tmp_path), serve(site))
    assert (verdict.reason, verdict.rule) == ("status-stale", "M4")


def old(corp: Responder, site: Issued) -> bytes:
    return corp.ca.ocsp(site, this_update=corp.ca.now - 60 * HOUR, next_update=corp.ca.now + HOUR)


def test_a_revoked_certificate_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    stapled = judged(client(corp, tmp_path), serve(site, corp.ca.ocsp(site, "revoked")))
    assert (stapled.reason, stapled.rule, corp.asked) == ("revoked", "M4", 0)
    corp.answers.status[site.certificate.serial_number] = "revoked"
    assert judged(client(corp, tmp_path), serve(site)).reason == "revoked"


def test_a_revoked_issuing_ca_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    corp.answers.status[corp.ca.issuing.certificate.serial_number] = "revoked"
    assert judged(client(corp, tmp_path), serve(site, corp.ca.ocsp(site))).reason == "revoked"


def test_a_public_ca_is_nobody_for_a_private_name(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    """Vouchers of all others and a good staple do not help; the same server is good where nothing is pinned."""
    rogue = world.alder.server(NAME)
    vouchers = [world.voucher(ca, site=rogue, addresses=(bytes([127, 0, 0, 1]),)) for ca in (world.birch, world.cedar)]
    vouchers.append(world.voucher(world.dogwood, site=rogue, addresses=(bytes([127, 0, 0, 1]),)))
    port = serve(rogue, world.alder.ocsp(rogue), encode_vouchers(vouchers))
    open_to_all = VoucherContext(ClientPolicy(), world.directory, bytes(32))
    assert judged(open_to_all, port).outcome is Outcome.ACCEPTED
    with pytest.raises(VerificationError) as caught:
        judged(client(corp, tmp_path), port)
    assert (caught.value.reason, caught.value.rule) == ("pin-mismatch", "M4")


def test_a_program_that_switches_validation_off_gains_nothing(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    """What OpenSSL would then let pass the rules refuse all the same, each CA for a name of the other."""
    context = client(corp, tmp_path)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    assert judged(context, serve(site_of(corp))).outcome is Outcome.ACCEPTED
    rogue = judged(context, serve(world.alder.server(NAME), None, VOUCHED))
    assert (rogue.outcome, rogue.reason, rogue.rule) == (Outcome.REFUSED, "pin-mismatch", "M4")
    other = judged(context, serve(site_of(corp, f"files.{NAME}")))
    assert (other.reason, other.rule) == ("pin-mismatch", "M4")
    stray = judged(context, serve(corp.ca.server(HOST), None, VOUCHED), HOST)
    assert (stray.outcome, stray.reason, stray.rule) == (Outcome.REFUSED, "untrusted", "C4")


@pytest.mark.parametrize("name", [HOST, "evilcorp.test", "corp.test.example.test"])
def test_the_private_ca_is_nobody_for_another_name(
    corp: Responder, tmp_path: Path, serve: Callable[..., int], name: str
) -> None:
    """Also after the same context has trusted it for its own."""
    site = site_of(corp, NAME, HOST, "evilcorp.test", "corp.test.example.test")
    context, port = client(corp, tmp_path), serve(site)
    assert judged(context, port).outcome is Outcome.ACCEPTED
    with pytest.raises(VerificationError) as caught:
        judged(context, port, name)
    assert (caught.value.reason, caught.value.rule) == ("certificate-invalid", "C4")


def test_an_address_is_no_name_of_the_network(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    with pytest.raises(VerificationError, match="certificate-invalid"):
        judged(client(corp, tmp_path), serve(site_of(corp, NAME, "127.0.0.1")), "127.0.0.1")


def test_openssl_sees_neither_extension_in_a_private_hello(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    """The witness is s_server's own trace, of a private and of a public connection by one context."""
    context = client(corp, tmp_path)
    private = serve(site_of(corp), None, None, "-msgfile", "trace", "-trace")
    public = serve(world.site, world.staple, VOUCHED, "-msgfile", "trace", "-trace")
    assert judged(context, private).outcome is Outcome.ACCEPTED
    assert judged(context, public, HOST).outcome is Outcome.ACCEPTED
    sent = [[f"({kind})" in path.read_text() for kind in (VOUCHER, VOUCHER_REQUEST)] for path in traces(tmp_path)]
    assert sent == [[False, False], [True, True]]


def traces(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/trace"))


@pytest.mark.parametrize(("mode", "reason"), [("warn", "status-unavailable"), ("off", "not-checked")])
def test_other_modes_let_pass_but_trust_nobody_else(
    corp: Responder, tmp_path: Path, serve: Callable[..., int], mode: str, reason: str
) -> None:
    site = site_of(corp)
    corp.down()
    context = client(corp, tmp_path, mode=mode)
    verdict = judged(context, serve(site))
    assert (verdict.outcome, verdict.reason) == (Outcome.WARNED, reason)
    with pytest.raises(VerificationError, match="pin-mismatch"):
        judged(context, serve(world.alder.server(NAME)))
    with pytest.raises(VerificationError, match="certificate-invalid"):
        judged(context, serve(corp.ca.server(HOST)), HOST)


def test_http_client_and_urllib3(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    context, port, public = client(corp, tmp_path), serve(site_of(corp)), serve(world.site, world.staple, VOUCHED)
    connection = http.client.HTTPSConnection(NAME, port, context=context)
    connection.request("GET", "/index.html")
    assert connection.getresponse().read().decode() == PAGE
    connection.close()
    with urllib3.PoolManager(ssl_context=context) as pool:
        for name, where in ((NAME, port), (HOST, public)):
            assert pool.request("GET", f"https://{name}:{where}/index.html").data.decode() == PAGE
        with pytest.raises(urllib3.exceptions.MaxRetryError, match="CERTIFICATE_VERIFY_FAILED"):
            pool.request("GET", f"https://{HOST}:{serve(corp.ca.server(HOST))}/", retries=0)


def test_requests_adds_roots_that_help_nobody(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    """Its bundle may even hold the very root of the other side."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(corp.ca.root.pem + world.alder.root.pem)

    class Vouched(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=client(corp, tmp_path), **kwargs)

    with requests.Session() as session:
        session.trust_env, session.verify = False, str(bundle)
        session.mount("https://", Vouched())
        assert session.get(f"https://{NAME}:{serve(site_of(corp))}/index.html").text == PAGE
        assert session.get(f"https://{HOST}:{serve(world.site, None, VOUCHED)}/index.html").text == PAGE
        for name, site in ((NAME, world.alder.server(NAME)), (HOST, corp.ca.server(HOST))):
            with pytest.raises(requests.exceptions.SSLError):
                session.get(f"https://{name}:{serve(site, None, VOUCHED)}/index.html")


class GreetingServer:
    """Says something as soon as the handshake is over, then waits for the client to go."""

    def __init__(self, site: Issued, words: bytes) -> None:
        self._words, self._context = words, server_context(site)
        self.said = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._meet, daemon=True)

    def _meet(self) -> None:
        plain, _ = self._listener.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or the words wait for an acknowledgement
        with self._context.wrap_socket(plain, server_side=True) as secure, suppress(OSError):
            secure.sendall(self._words)
            self.said.set()
            secure.recv(1)

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()


async def page_of(context: VoucherContext, port: int, seconds: float = 10) -> bytes:
    reader, writer = await open_connection(NAME, port, context, seconds=seconds)
    writer.write(b"GET /index.html HTTP/1.0\r\n\r\n")
    body = await reader.read()
    writer.close()
    await writer.wait_closed()
    return body


def test_asyncio_goes_on_while_a_status_is_fetched(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    context, port = client(corp, tmp_path), serve(site_of(corp))
    corp.gate.clear()

    async def both() -> bytes:
        page = asyncio.create_task(page_of(context, port))
        assert await asyncio.to_thread(corp.waiting.wait, 10)
        corp.gate.set()  # the loop got here although the status is out
        return await page

    assert PAGE.encode() in asyncio.run(both())


def test_asyncio_hears_a_server_that_speaks_first_and_lets_nobody_else_hear_it_before(
    corp: Responder, tmp_path: Path
) -> None:
    """What the server says while the status is out lies below TLS until the verdict is there."""
    site = site_of(corp)
    server = GreetingServer(site, b"220 hello\r\n")
    with server as port:
        context = client(corp, tmp_path)
        corp.gate.clear()

        async def greeting() -> bytes:
            opening = asyncio.create_task(open_connection(NAME, port, context, seconds=10))
            assert await asyncio.to_thread(corp.waiting.wait, 10)
            assert await asyncio.to_thread(server.said.wait, 10)
            await asyncio.sleep(0)  # the loop has met what was said
            assert not opening.done()
            corp.gate.set()
            reader, writer = await opening
            line = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            return line

        assert asyncio.run(greeting()) == b"220 hello\r\n"


def test_a_deferred_object_passes_nothing_before_it_is_settled(corp: Responder, tmp_path: Path) -> None:
    site = site_of(corp)
    pair = Pair(client(corp, tmp_path), server_context(site), NAME)
    with deferred():
        pair.handshake()
    pair.server.write(b"greeting")
    gate = cast("VoucherObject", pair.client)
    for use in (gate.read, lambda: gate.write(b"secret"), gate.read):
        with pytest.raises(ssl.SSLWantReadError, match="no verdict yet"):
            use()
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.read()
    gate.settle(gate.judge(Deadline(10)))
    assert gate.read() == b"greeting"


def test_a_deferred_object_that_is_refused_stays_so(corp: Responder, tmp_path: Path) -> None:
    pair = Pair(client(corp, tmp_path), server_context(site_of(corp)), NAME)
    corp.down()
    with deferred():
        pair.handshake()
    gate = cast("VoucherObject", pair.client)
    with pytest.raises(Refused):
        gate.settle(gate.judge(Deadline(10)))
    for use in (gate.do_handshake, gate.read, lambda: gate.write(b"x")):
        with pytest.raises(Refused, match="status-unavailable"):
            use()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_carries_trust_over(corp: Responder, tmp_path: Path, version: ssl.TLSVersion) -> None:
    """`warn` acts upon no verdict, so that ordinary validation is all that stands between: it must take place."""
    context, serving = client(corp, tmp_path, mode="warn"), server_context(site_of(corp))
    context.options &= ~ssl.OP_NO_TICKET
    serving.minimum_version = serving.maximum_version = version
    first = Pair(context, serving, NAME)
    first.handshake()
    first.server.write(b"tickets come with this")
    first.client.read()
    for name, validation in ((NAME, nullcontext()), (HOST, pytest.raises(ssl.SSLCertVerificationError))):
        other = Pair(context, serving, name)
        other.client.session = first.client.session
        with validation:
            other.handshake()
        assert not other.client.session_reused


def test_asyncio_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    port = serve(site)
    corp.down()
    with pytest.raises(Refused, match="status-unavailable"):
        asyncio.run(page_of(client(corp, tmp_path), port))
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(page_of(client(corp, tmp_path), serve(world.alder.server(NAME))))


def test_asyncio_with_a_silent_responder_ends_in_time(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    port = serve(site_of(corp))
    corp.gate.clear()
    context, before = client(corp, tmp_path), Deadline(4)
    with pytest.raises(Refused, match="status-unavailable"):
        asyncio.run(page_of(context, port, seconds=0.5))
    assert before.left() > 0


def test_asyncios_own_way_has_no_one_to_fetch(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)

    async def own_way(*pinned: Issued) -> Outcome:
        port = serve(site, corp.ca.ocsp(site))
        context = client(corp, tmp_path, *pinned)
        _, writer = await asyncio.open_connection(NAME, port, ssl=context)
        outcome = cast("Verdict", writer.get_extra_info("ssl_object").verdict).outcome
        writer.close()
        await writer.wait_closed()
        return outcome

    assert asyncio.run(own_way(corp.ca.issuing)) is Outcome.ACCEPTED
    with pytest.raises(Refused, match="no time to ask a responder"):
        asyncio.run(own_way())


def test_a_private_root_may_not_be_a_public_one(tmp_path: Path) -> None:
    policy = ClientPolicy(intranets=(entry(tmp_path, world.alder),))
    with pytest.raises(InputError, match=r"alder\.pem: has a root of the directory"):
        VoucherContext(policy, world.directory, bytes(32))


def test_a_certificate_that_is_no_root_is_named(corp: Responder, tmp_path: Path) -> None:
    made = entry(tmp_path, corp.ca)
    made.roots.write_bytes(corp.ca.root.pem + site_of(corp).pem)
    with pytest.raises(InputError, match="certificate 2 cannot be a root: is no CA certificate"):
        VoucherContext(ClientPolicy(intranets=(made,)), world.directory, bytes(32))
