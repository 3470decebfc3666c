"""The door: what becomes of a browser and of its site where something of the proxy's own goes wrong."""

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.client.document import Document
from mecai.client.proxy import door as module
from mecai.client.proxy.authority import LocalAuthority, open_authority
from mecai.client.proxy.door import Door
from mecai.client.proxy.head import Declined, Head
from mecai.client.visit import Streams, Visit
from tests.patience import SECONDS
from tests.scene import Scene

SITE = "www.example.test"
SCENE = Scene()
CONNECT = Head("CONNECT", f"{SITE}:443", Message())
DOCUMENT: Document = {
    "host": SITE, "port": 443, "time": "2026-11-28T09:00:00Z", "verdict": "refused", "reason": "no-voucher",
    "rule": "C1", "detail": None, "address": "192.0.2.1", "policy": "vouchers", "candidates": [],
}  # fmt: skip


@pytest.fixture
def authority(tmp_path: Path) -> LocalAuthority:
    return open_authority(tmp_path, (), datetime.now(UTC))


def door(authority: LocalAuthority, fault: Exception) -> Door:
    """Return one whose verdicts cannot be said."""
    trust = Mock(context=AsyncMock(return_value=Mock(directory=SCENE.directory)))
    listener = Mock(getsockname=lambda: ("127.0.0.1", 8080))
    return Door(listener, trust, authority, heard=Mock(side_effect=fault))


async def answering() -> Streams:
    """Return the streams to a site that answers what it is asked first, and ends."""
    here, there = socket.socketpair()

    def answer() -> None:
        with there, suppress(OSError):  # asked nothing, it is hung up on
            there.settimeout(SECONDS)
            there.recv(65536)
            there.sendall(b"Perhaps the real one")

    threading.Thread(target=answer, daemon=True).start()
    return await asyncio.open_connection(sock=here)


def browse(browser: socket.socket, authority: LocalAuthority) -> bytes:
    """Ask through the tunnel, and return all that comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.DER))
    browser.settimeout(SECONDS)
    heard = b""
    with suppress(OSError):
        assert browser.recv(100).startswith(b"HTTP/1.1 200 ")
        with context.wrap_socket(browser, server_hostname=SITE) as secure:
            secure.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while more := secure.recv(65536):
                heard += more
    return heard


@pytest.mark.parametrize(("refused", "words"), [(True, b"was not opened"), (False, b"Perhaps the real one")])
def test_where_nobody_reads_the_output_the_browser_is_served(
    monkeypatch: pytest.MonkeyPatch, authority: LocalAuthority, *, refused: bool, words: bytes
) -> None:
    """`mecai client proxy | head` leaves a pipe without an end."""
    proxy = door(authority, BrokenPipeError())

    async def run() -> bytes:
        monkeypatch.setattr(
            module, "visit", AsyncMock(return_value=Visit(DOCUMENT, None if refused else await answering()))
        )
        browser, plain = socket.socketpair()
        plain.setblocking(False)
        with browser, plain:
            hearing = asyncio.create_task(asyncio.to_thread(browse, browser, authority))
            try:
                await proxy._lead(plain, CONNECT)
            finally:
                plain.close()
                heard = await hearing
        return heard

    assert words in asyncio.run(run())
    assert proxy.journal.verdicts() == [DOCUMENT]


def test_whatever_goes_wrong_no_site_waits(monkeypatch: pytest.MonkeyPatch, authority: LocalAuthority) -> None:
    async def run() -> bool:
        streams = await answering()
        monkeypatch.setattr(module, "visit", AsyncMock(return_value=Visit(DOCUMENT, streams)))
        with pytest.raises(RuntimeError, match="a fault"):
            await door(authority, RuntimeError("a fault"))._lead(Mock(), CONNECT)
        return streams[1].transport.is_closing()

    assert asyncio.run(run())


def test_a_proxy_that_outlives_its_authority_visits_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = open_authority(tmp_path, (), datetime.now(UTC) - timedelta(days=400))
    visit = AsyncMock()
    monkeypatch.setattr(module, "visit", visit)
    with pytest.raises(Declined, match="start the proxy anew") as caught:
        asyncio.run(door(old, RuntimeError())._lead(Mock(), CONNECT))
    assert caught.value.status is HTTPStatus.SERVICE_UNAVAILABLE
    visit.assert_not_called()
