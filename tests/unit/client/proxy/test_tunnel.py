"""A tunnel: what one side said last is delivered, what broke off breaks off, and nobody is waited for without end."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.client.proxy import tunnel
from mecai.client.proxy.authority import open_authority
from mecai.client.proxy.leaves import Leaves
from mecai.client.proxy.near import end_tls
from mecai.client.proxy.tunnel import pass_on
from tests.patience import SECONDS

SITE = "www.example.test"
Ends = tuple[socket.socket, socket.socket]
_BIG = b"octets " * 100_000


def connected() -> Ends:
    """Return two ends of a TCP connection: one whose reset arrives as such."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), 10)
        return client, listener.accept()[0]


def tunnelled(play: Callable[[socket.socket, socket.socket], Awaitable[None]], idle: float = 10) -> None:
    """Run a tunnel while `play` has the browser's socket and the site's."""

    async def run() -> None:
        (browser, near), (site, far) = connected(), connected()
        for each in (browser, site):
            each.setblocking(False)
        with browser, site:
            streams = [await asyncio.open_connection(sock=sock) for sock in (near, far)]
            passing = asyncio.create_task(pass_on(streams[0], streams[1], idle))
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(play(browser, site), passing)

    asyncio.run(run())


async def hear(sock: socket.socket) -> bytes:
    """Return all that comes until the end."""
    heard = b""
    while octets := await asyncio.get_running_loop().sock_recv(sock, 65536):
        heard += octets
    return heard


def test_octets_pass_both_ways_and_the_last_are_delivered() -> None:
    async def play(browser: socket.socket, site: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(browser, b"question")
        assert await loop.sock_recv(site, 100) == b"question"
        hearing = asyncio.create_task(hear(browser))
        await loop.sock_sendall(site, _BIG)
        site.shutdown(socket.SHUT_WR)
        assert await hearing == _BIG
        assert await hear(site) == b""

    tunnelled(play)


def test_what_breaks_off_breaks_off() -> None:
    async def play(browser: socket.socket, site: socket.socket) -> None:
        site.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        site.close()
        with pytest.raises(ConnectionResetError):
            await hear(browser)

    tunnelled(play)


def said(site: socket.socket, shown: ssl.SSLContext, *, last_word: bool) -> None:
    """Be a site that says half a page over TLS, and ends: by TLS's last word, or by TCP alone."""
    with shown.wrap_socket(site, server_side=True) as tls:
        tls.sendall(b"half")
        if last_word:
            tls.unwrap()
        else:
            socket.socket.shutdown(tls, socket.SHUT_RDWR)


def heard(browser: socket.socket, context: ssl.SSLContext) -> bytes:
    """Be a browser that takes TLS at its word; raises `SSLEOFError` where the last one is missing."""
    octets = b""
    with context.wrap_socket(browser, server_hostname=SITE, suppress_ragged_eofs=False) as tls:
        while piece := tls.recv(100):
            octets += piece
    return octets


@pytest.mark.parametrize("last_word", [True, False])
def test_half_a_page_does_not_look_whole(tmp_path: Path, last_word: bool) -> None:
    """Whoever is on the way to a site can end TCP (FIN), and not TLS: the browser sees that, with all that came."""
    authority = open_authority(tmp_path, (), datetime.now(UTC))
    shown, context = Leaves(authority).context(SITE), ssl.create_default_context()
    context.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.DER))

    async def run() -> bytes:
        (browser, near), (site, far) = connected(), connected()
        saying = asyncio.create_task(asyncio.to_thread(said, site, shown, last_word=last_word))
        hearing = asyncio.create_task(asyncio.to_thread(heard, browser, context))
        streams = await asyncio.open_connection(sock=far, ssl=context, server_hostname=SITE)
        await pass_on(await end_tls(near, shown), streams, 10)
        await saying
        return await hearing

    if last_word:
        assert asyncio.run(run()) == b"half"
    else:
        with pytest.raises(ssl.SSLEOFError):
            asyncio.run(run())


def test_what_is_lost_already_breaks_off_without_a_word() -> None:
    """TLS that failed while it was closed has no socket any more."""
    writer = Mock(get_extra_info=Mock(return_value=None))
    tunnel.abort(writer)
    writer.transport.abort.assert_called_once_with()


def test_what_moves_is_not_idle() -> None:
    """Each piece that was passed on begins the idle time anew."""

    async def run() -> list[bytes]:
        reader, writer, passed = asyncio.StreamReader(), Mock(), list[bytes]()
        writer.drain = AsyncMock()
        reader.feed_data(b"one")
        reader.feed_eof()
        await tunnel._pump(reader, writer, lambda: passed.append(writer.write.call_args[0][0]))
        return passed

    assert asyncio.run(run()) == [b"one"]


def test_the_idle_time_begins_anew() -> None:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(1) as end:
            tunnel._postpone(end, 100)
            await asyncio.sleep(0)
            return (end.when() or 0) - loop.time()

    assert 99 < asyncio.run(run()) <= 100


def test_an_idle_tunnel_ends() -> None:
    async def play(browser: socket.socket, site: socket.socket) -> None:
        for each in (browser, site):
            with pytest.raises(ConnectionResetError):
                await hear(each)

    with pytest.raises(TimeoutError):
        tunnelled(play, idle=0.05)


def test_a_side_that_reads_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its octets fill the buffers of this machine; then nothing moves."""
    monkeypatch.setattr(tunnel, "CLOSE_SECONDS", 0.05)

    async def play(browser: socket.socket, site: socket.socket) -> None:
        del browser
        with pytest.raises(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(site, _BIG * 100)

    with pytest.raises(TimeoutError):
        tunnelled(play, idle=0.3)
