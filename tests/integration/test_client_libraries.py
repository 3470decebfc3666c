"""Every library that docs/python-client.md names, against a server that writes down every octet it hears under TLS.

Where the server has vouchers, nothing comes before the verdict; where it has none, nothing comes at all (C6).
"""

import asyncio
import http.client
import imaplib
import smtplib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

from mecai import tls
from mecai.client import (
    ClientPolicy,
    Verdict,
    VoucherAdapter,
    VoucherConnector,
    VoucherContext,
    VoucherTransport,
    open_connection,
)
from mecai.client.attempt import Attempt
from mecai.service.deadline import Deadline
from tests.integration.client_servers import PAGE, connect_proxy
from tests.integration.recording_server import HTTP, IMAP, SMTP, Recording, recording_server
from tests.unit.client.world import World

world = World()
VOUCHED = world.answer("birch", "cedar", "dogwood")
SECONDS = 20


class Watching(VoucherContext):
    """Notes what the server has heard when the verdict falls."""

    def __init__(self, server: Recording, **settings: str) -> None:
        super().__init__(ClientPolicy(**settings), world.directory, bytes(32))  # type: ignore[arg-type]  # str alone
        self._server = server
        self.heard: list[bytes] = []

    def judge(self, attempt: Attempt, facts: tls.Facts, deadline: Deadline) -> Verdict:
        """Judge as usual."""
        self.heard += map(bytes, self._server.octets)
        return super().judge(attempt, facts, deadline)


def _url(port: int) -> str:
    return f"https://localhost:{port}/"


def _http_client(context: VoucherContext, port: int) -> str:
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=SECONDS)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


def _urllib(context: VoucherContext, port: int) -> str:
    with urllib.request.urlopen(_url(port), context=context, timeout=SECONDS) as page:  # noqa: S310 - https
        return str(page.read().decode())


def _urllib3(context: VoucherContext, port: int) -> str:
    with urllib3.PoolManager(ssl_context=context) as pool:
        return pool.request("GET", _url(port), retries=False).data.decode()


def _requests(context: VoucherContext, port: int) -> str:
    with requests.Session() as session:
        session.mount("https://", VoucherAdapter(context))
        return session.get(_url(port), timeout=SECONDS).text


def _httpx(context: VoucherContext, port: int) -> str:
    with httpx.Client(verify=context) as client:
        return client.get(_url(port)).text


def _httpx_asyncio(context: VoucherContext, port: int) -> str:
    async def get() -> str:
        async with httpx.AsyncClient(transport=VoucherTransport(context)) as client:
            return (await client.get(_url(port))).text

    return asyncio.run(get())


def _aiohttp(context: VoucherContext, port: int) -> str:
    async def get() -> str:
        connector = VoucherConnector(context)
        async with aiohttp.ClientSession(connector=connector) as session, session.get(_url(port)) as page:
            return await page.text()

    return asyncio.run(get())


def _streams(context: VoucherContext, port: int) -> str:
    async def get() -> str:
        reader, writer = await open_connection("localhost", port, context)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        page = await reader.read()
        writer.close()
        await writer.wait_closed()
        return page.decode().rpartition("\r\n")[2]

    return asyncio.run(get())


def _smtplib(context: VoucherContext, port: int) -> str:
    with smtplib.SMTP("localhost", port, timeout=SECONDS) as connection:
        connection.starttls(context=context)
        assert connection.ehlo()[0] == 250
    return PAGE


def _imaplib(context: VoucherContext, port: int) -> str:
    connection = imaplib.IMAP4("localhost", port, timeout=SECONDS)
    connection.starttls(ssl_context=context)  # not under `with`, which would hide a refusal behind a logout in vain
    assert connection.noop()[0] == "OK"
    connection.logout()
    return PAGE


LIBRARIES: dict[str, Callable[[VoucherContext, int], str]] = {
    "http.client": _http_client,
    "urllib.request": _urllib,
    "urllib3": _urllib3,
    "requests": _requests,
    "httpx": _httpx,
    "httpx with asyncio": _httpx_asyncio,
    "aiohttp": _aiohttp,
    "asyncio": _streams,
    "smtplib": _smtplib,
    "imaplib": _imaplib,
}
PROTOCOLS = {"smtplib": SMTP, "imaplib": IMAP}


@pytest.fixture
def serve() -> Iterator[Callable[..., Recording]]:
    """Start servers that last as long as the test."""
    with ExitStack() as stack:
        yield lambda answer, library="": stack.enter_context(
            recording_server(world.site, answer, PROTOCOLS.get(library, HTTP))
        )


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_server_with_vouchers_hears_the_program_after_the_verdict(
    library: str, serve: Callable[..., Recording]
) -> None:
    server = serve(VOUCHED, library)
    context = Watching(server)
    assert LIBRARIES[library](context, server.port) == PAGE
    assert context.heard == [b""]
    (heard,) = server.heard()
    assert heard


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_server_without_hears_nothing(library: str, serve: Callable[..., Recording]) -> None:
    server = serve(None, library)
    with pytest.raises(Exception, match="no-voucher"):  # each library has its own
        LIBRARIES[library](Watching(server), server.port)
    assert server.heard() == [b""]
    assert len(server.choices) == 1


def test_retries_draw_no_new_candidates(serve: Callable[..., Recording]) -> None:
    """urllib3 takes a refusal for a fault of the connection; who refuses three draws of four in vain gets no other."""
    server = serve(None)
    pool = urllib3.PoolManager(ssl_context=Watching(server, selection="random"))
    with pool, pytest.raises(urllib3.exceptions.MaxRetryError, match="no-voucher"):
        pool.request("GET", _url(server.port), retries=3)
    assert server.heard() == [b""] * 4
    assert len(server.choices) == 4
    assert len(set(server.choices)) == 1


@pytest.mark.parametrize("named", [True, False])
def test_requests_through_a_proxy_knows_no_address(
    named: bool, serve: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is at an address that the vouchers list; it is not the server all the same (V9)."""
    server = serve(VOUCHED)
    with connect_proxy(server.port) as port, requests.Session() as session:
        session.mount("https://", VoucherAdapter(Watching(server)))
        proxy: dict[str, Any] = {"proxies": {"https": f"http://127.0.0.1:{port}"}} if named else {}
        if not named:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(requests.exceptions.SSLError, match="address-unknown"):
            session.get("https://www.example.test/", timeout=SECONDS, **proxy)
    assert server.heard() == [b""]
