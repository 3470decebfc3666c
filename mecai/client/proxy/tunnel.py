"""Octets between a browser and its site, after the verdict: as they come, no faster than the slower one reads.

Both ends are TLS, which closes as a whole: when one side has said its last, what it said is delivered and the other is
closed, too. What broke off is broken off, so that half a page does not look whole: where a site, or who is on the way,
ends TCP without TLS's last word (close_notify, RFC 8446 section 6.1), the browser gets what came, and no such word.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from mecai.client.visit import Streams

IDLE_SECONDS: Final = 600.0  # without an octet in either direction, and for one side to read what the other sent
CLOSE_SECONDS: Final = 5.0  # for a side to take its last octets
_OCTETS: Final = 65536
_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


class Near(ssl.SSLObject):
    """The browser's end; asyncio ends TLS by its `unwrap`, which says nothing where the site said no last word."""

    whole = True

    def unwrap(self) -> None:
        """As `ssl.SSLObject.unwrap`."""
        if self.whole:
            super().unwrap()


async def pass_on(near: Streams, far: Streams, idle_seconds: float = IDLE_SECONDS) -> None:
    """Pass octets both ways until one side ends; both are closed then. Raises `TimeoutError` if none move for long."""
    tasks: list[asyncio.Task[None]] = []
    whole = False
    try:
        async with asyncio.timeout(idle_seconds) as idle:
            moved = partial(_postpone, idle, idle_seconds)
            tasks = [asyncio.create_task(way) for way in (_pump(near[0], far[1], moved), _pump(far[0], near[1], moved))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            whole = all(task.exception() is None for task in done)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(browser := near[1].get_extra_info("ssl_object"), Near):
            browser.whole = _said_its_last(far[1])
        await asyncio.gather(*(close(writer, gently=whole) for _, writer in (near, far)))


def _said_its_last(writer: asyncio.StreamWriter) -> bool:
    """Tell whether a side ended TLS itself: reading once more ends in that, or waits for ever."""
    connection: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    try:
        return not (connection and connection.read(1))
    except ssl.SSLZeroReturnError:  # after an answer in kind
        return True
    except OSError:
        return False


def _postpone(end: asyncio.Timeout, seconds: float) -> None:
    end.reschedule(asyncio.get_running_loop().time() + seconds)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, moved: Callable[[], None]) -> None:
    while octets := await reader.read(_OCTETS):
        writer.write(octets)
        await writer.drain()
        moved()


async def close(writer: asyncio.StreamWriter, *, gently: bool = True) -> None:
    """Close one side: `gently`, it has some seconds to take what it was sent; else it sees that the rest is missing."""
    if gently:
        writer.close()
        with suppress(OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await writer.wait_closed()
                return
    abort(writer)


def abort(writer: asyncio.StreamWriter) -> None:
    """Break a connection off at once, so that its peer is told."""
    if (plain := writer.get_extra_info("socket")) is not None:  # None: TLS has given it up already
        with suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
