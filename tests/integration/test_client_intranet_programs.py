"""Rule M4 in programs: what speaks HTTP, asyncio, and objects without a socket; nobody hears a server too soon."""

import asyncio
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from mecai.client import Outcome, Refused, Verdict, VoucherContext, VoucherObject, open_connection
from mecai.client.gate import deferred
from mecai.service.deadline import Deadline
from tests.integration.client_servers import PAGE
from tests.integration.intranet_client import (
    VOUCHED,
    client,
    corp,
    every_name_is_loopback,
    serve,
    site_of,
    world,
)
from tests.integration.private_network import NAME, Responder
from tests.patience import SECONDS
from tests.pki import Issued
from tests.scene import HOST
from tests.unit.tls.memory import Pair, server_context

__all__ = ["corp", "every_name_is_loopback", "serve"]


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
        self._thread.join(SECONDS)
        self._listener.close()


async def page_of(context: VoucherContext, port: int, seconds: float = SECONDS) -> bytes:
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
        assert await asyncio.to_thread(corp.waiting.wait, SECONDS)
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
            opening = asyncio.create_task(open_connection(NAME, port, context, seconds=SECONDS))
            assert await asyncio.to_thread(corp.waiting.wait, SECONDS)
            assert await asyncio.to_thread(server.said.wait, SECONDS)
            await asyncio.sleep(0)  # the loop has met what was said
            assert not opening.done()
            corp.gate.set()
            reader, writer = await opening
            line = await asyncio.wait_for(reader.readline(), SECONDS)
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), SECONDS)  # or the loop ends first, and the socket is left
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
    gate.settle(gate.judge(Deadline(SECONDS)))
    assert gate.read() == b"greeting"


def test_a_deferred_object_that_is_refused_stays_so(corp: Responder, tmp_path: Path) -> None:
    pair = Pair(client(corp, tmp_path), server_context(site_of(corp)), NAME)
    corp.down()
    with deferred():
        pair.handshake()
    gate = cast("VoucherObject", pair.client)
    with pytest.raises(Refused):
        gate.settle(gate.judge(Deadline(SECONDS)))
    for use in (gate.do_handshake, gate.read, lambda: gate.write(b"x")):
        with pytest.raises(Refused, match="status-unavailable"):
            use()


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
    context, before = client(corp, tmp_path), Deadline(SECONDS / 2)
    with pytest.raises(Refused, match="status-unavailable"):
        asyncio.run(page_of(context, port, seconds=2))
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
