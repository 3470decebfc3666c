"""The usual programs over a `VoucherContext`, against a stock server that staples vouchers from a file."""

import asyncio
import http.client
import io
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext, VoucherSocket, open_connection, peer
from mecai.net.dial import dial
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.pki.identity import address_octets
from tests.integration.client_servers import PAGE, openssl_server
from tests.patience import SECONDS
from tests.unit.client.world import World

KEY = bytes(32)
world = World()
VOUCHED = world.answer("birch", "cedar", "dogwood")


@pytest.fixture
def context() -> VoucherContext:
    return VoucherContext(ClientPolicy(profile="strict"), world.directory, KEY)


@pytest.fixture(scope="module")
def vouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with vouchers."""
    with openssl_server(world, tmp_path_factory.mktemp("vouched"), VOUCHED) as port:
        yield port


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server without."""
    with openssl_server(world, tmp_path_factory.mktemp("bare"), None) as port:
        yield port


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_http_client(context: VoucherContext, tmp_path: Path, version: str) -> None:
    option = "-" + version.replace("TLSv", "tls").replace(".", "_")
    with openssl_server(world, tmp_path, VOUCHED, option) as port:
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request("GET", "/index.html")
        sock = connection.sock
        assert isinstance(sock, VoucherSocket)
        assert sock.verdict is not None
        assert (sock.verdict.outcome, sock.verdict.facts.version) == (Outcome.ACCEPTED, version)
        assert sock.verdict.facts.staple == world.staple
        assert sock.verdict.peer_address == "127.0.0.1"
        assert connection.getresponse().read().decode() == PAGE
        connection.close()


def test_http_client_is_refused_before_it_asks(context: VoucherContext, bare: int) -> None:
    connection = http.client.HTTPSConnection("localhost", bare, context=context)
    with pytest.raises(Refused) as caught:
        connection.request("GET", "/index.html")
    assert caught.value.verdict.reason == "no-voucher"


def test_urllib3(context: VoucherContext, vouched: int, bare: int) -> None:
    with urllib3.PoolManager(ssl_context=context) as pool:
        assert pool.request("GET", f"https://localhost:{vouched}/index.html").data.decode() == PAGE
        with pytest.raises(urllib3.exceptions.MaxRetryError, match="no-voucher"):
            pool.request("GET", f"https://localhost:{bare}/index.html", retries=0)


def test_requests(context: VoucherContext, vouched: int, bare: int) -> None:
    class Vouched(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **kwargs)

    with requests.Session() as session:
        session.mount("https://", Vouched())
        assert session.get(f"https://localhost:{vouched}/index.html").text == PAGE
        with pytest.raises(requests.exceptions.SSLError, match="no-voucher"):
            session.get(f"https://localhost:{bare}/index.html")


def test_asyncio(context: VoucherContext, vouched: int, bare: int) -> None:
    async def fetch(port: int) -> bytes:
        reader, writer = await open_connection("localhost", port, context)
        writer.write(b"GET /index.html HTTP/1.0\r\n\r\n")
        body = await reader.read()
        writer.close()
        await writer.wait_closed()
        return body

    assert PAGE.encode() in asyncio.run(fetch(vouched))
    with pytest.raises(Refused, match="no-voucher"):
        asyncio.run(fetch(bare))


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_programs_resume_each_others_sessions(tmp_path: Path, version: str) -> None:
    """Where the policy says so, whatever the library (T8)."""
    context = VoucherContext(ClientPolicy(candidates=4, resume=True), world.directory, KEY)
    context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]

    def by_http_client(port: int) -> Verdict:
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request("GET", "/index.html")
        assert isinstance(connection.sock, VoucherSocket)
        verdict = connection.sock.verdict
        assert connection.getresponse().read().decode() == PAGE
        assert verdict is not None
        return verdict

    async def by_asyncio(port: int) -> Verdict:
        reader, writer = await open_connection("localhost", port, context)
        writer.write(b"GET /index.html HTTP/1.0\r\n\r\n")
        assert PAGE.encode() in await reader.read()
        verdict: Verdict = writer.get_extra_info("ssl_object").verdict
        writer.close()
        await writer.wait_closed()
        return verdict

    with openssl_server(world, tmp_path, VOUCHED) as port:
        first, *others = by_http_client(port), asyncio.run(by_asyncio(port)), by_http_client(port)
    assert (first.facts.version, first.facts.resumed, first.grounds.resumed) == (version, False, None)
    assert [each.facts.resumed for each in others] == [True, True]
    assert {each.outcome for each in others} == {Outcome.ACCEPTED}
    assert [each.vouched for each in others] == [first.vouched] * 2
    assert others[0].grounds.resumed == others[1].grounds.resumed is not None


def test_asyncio_connects_to_the_address_that_answers(
    context: VoucherContext, vouched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object) -> list[bytes]:
        return [address_octets("127.0.0.2"), address_octets("127.0.0.1")]

    monkeypatch.setattr("mecai.client.streams.dial", partial(dial, resolve=resolve))

    async def reached() -> str:
        _, writer = await open_connection("localhost", vouched, context)
        address: str = writer.get_extra_info("peername")[0]
        writer.close()
        await writer.wait_closed()
        return address

    assert asyncio.run(reached()) == "127.0.0.1"


def test_asyncio_ends_in_time_with_a_silent_server(context: VoucherContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(OSError, match="SSL handshake is taking"):
        asyncio.run(open_connection("127.0.0.1", silent.getsockname()[1], context, seconds=1))


def test_asyncio_that_is_cancelled_leaves_no_connection(
    context: VoucherContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    dialled, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> socket.socket:
        dialled.set()
        go_on.wait(SECONDS)
        return ours

    monkeypatch.setattr("mecai.client.streams.dial", slow)

    async def cancel() -> None:
        task = asyncio.create_task(open_connection("localhost", 443, context))
        await asyncio.to_thread(dialled.wait, SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    go_on.set()
    with theirs:
        assert theirs.recv(1) == b""


def test_asyncio_that_tells_no_address_is_refused(context: VoucherContext, vouched: int) -> None:
    with pytest.raises(Refused, match="address-unknown"):
        asyncio.run(asyncio.open_connection("127.0.0.1", vouched, ssl=context))


def test_a_tunnel_through_a_proxy_is_refused(context: VoucherContext, vouched: int) -> None:
    plain = socket.create_connection(("127.0.0.1", vouched))
    with peer(None), pytest.raises(Refused, match="address-unknown"):
        context.wrap_socket(plain, server_hostname="localhost")
    assert plain.fileno() == -1


def test_a_socket_wrapped_before_it_connects(context: VoucherContext, vouched: int) -> None:
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as sock:
        sock.connect(("127.0.0.1", vouched))
        assert isinstance(sock, VoucherSocket)
        assert sock.verdict is not None
        assert sock.verdict.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("use", ["send", "sendall", "sendfile", "recv", "recv_into", "makefile"])
def test_a_program_that_shakes_no_hands_is_refused_at_its_first_use(
    context: VoucherContext, bare: int, use: str
) -> None:
    plain = socket.create_connection(("127.0.0.1", bare))
    sock = context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
    with pytest.raises(Refused, match="no-voucher"):
        _use(sock, use)
    assert sock.fileno() == -1


def test_a_file_made_before_a_refusal_writes_nothing_in_the_clear(context: VoucherContext, bare: int) -> None:
    """The file keeps the descriptor open, and `ssl` has let go of TLS by then."""
    sock = context.wrap_socket(socket.socket(), server_hostname="localhost")
    with sock.makefile("rwb", buffering=0) as file:
        with pytest.raises(Refused):
            sock.connect(("127.0.0.1", bare))
        assert sock.fileno() != -1
        with pytest.raises(OSError, match="not connected"):
            file.write(b"secret")
        with pytest.raises(OSError, match="not connected"):
            file.read(1)


@pytest.mark.parametrize("use", ["send", "sendall", "sendfile", "recv", "recv_into", "makefile"])
def test_a_shutdown_before_the_verdict_leaves_no_way_in_the_clear(
    context: VoucherContext, vouched: int, use: str
) -> None:
    plain = socket.create_connection(("127.0.0.1", vouched))
    with context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False) as sock:
        sock.shutdown(socket.SHUT_RD if "send" in use else socket.SHUT_WR)
        with pytest.raises(OSError, match="not connected"):
            _use(sock, use)


def test_a_socket_that_never_blocks(context: VoucherContext, vouched: int) -> None:
    plain = socket.create_connection(("127.0.0.1", vouched))
    plain.setblocking(False)
    with context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False) as sock:
        while not _shaken(sock):
            select.select([sock], [], [], SECONDS)
        assert isinstance(sock, VoucherSocket)
        assert sock.verdict is not None
        assert sock.verdict.outcome is Outcome.ACCEPTED


def test_openssl_sees_the_extension_in_the_hello(context: VoucherContext, tmp_path: Path) -> None:
    """The witness is s_server's own trace of what arrived."""
    with openssl_server(world, tmp_path, VOUCHED, "-msgfile", "trace", "-trace") as port:
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request("GET", "/index.html")
        connection.getresponse().read()
        connection.close()
    assert f"{VOUCHER}" in (tmp_path / "trace").read_text()


def _shaken(sock: ssl.SSLSocket) -> bool:
    try:
        sock.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _use(sock: ssl.SSLSocket, use: str) -> None:
    match use:
        case "makefile":
            sock.makefile("rb").read(1)
        case "recv_into":
            sock.recv_into(bytearray(1))
        case "recv":
            sock.recv(1)
        case "sendfile":
            sock.sendfile(io.BytesIO(b"secret"))
        case _:
            getattr(sock, use)(b"secret")
