"""asyncio streams over a connection that demands vouchers.

asyncio's TLS works on memory and does not know whom the transport reached; this connects first and says so. Where the
status of a private network's server (rule M4) has to be fetched, a thread does it, and the loop goes on meanwhile.

    reader, writer = await open_connection("www.example.test", 443, context)
"""

import asyncio
import socket
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from mecai.client.context import VoucherContext
from mecai.client.gate import deferred, reached
from mecai.net.dial import dial
from mecai.service.background import in_background
from mecai.service.deadline import Deadline

if TYPE_CHECKING:
    from mecai.client.objects import VoucherObject

SECONDS: Final = 30.0


async def open_connection(
    host: str, port: int, context: VoucherContext, *, seconds: float = SECONDS
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the address of `host` that answers first at TCP, and judge, all within `seconds`.

    Raises `Refused`, which is final: no other address is tried then. Raises `OSError` if no address answers.
    """
    deadline = Deadline(seconds)
    sock = await _reach(host, port, deadline)
    sock.setblocking(False)
    with reached(*sock.getpeername()[:2]), deferred():
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=context, server_hostname=host, ssl_handshake_timeout=deadline.require()
        )
    await settle(writer.transport, deadline)
    return reader, writer


async def settle(transport: asyncio.BaseTransport, deadline: Deadline) -> None:
    """Bring the verdict that a connection was left without (`deferred`); raises `Refused`, and the connection ends."""
    connection: VoucherObject = transport.get_extra_info("ssl_object")
    if connection.verdict is not None:
        return
    judging = in_background(partial(connection.judge, deadline.within(connection.patience)))
    try:
        connection.settle(await asyncio.wrap_future(judging))
    except BaseException:
        cast("asyncio.Transport", transport).abort()
        raise
    _read_on(cast("asyncio.Transport", transport))


def _read_on(transport: asyncio.Transport) -> None:
    """Have asyncio look for what came before the verdict: it lies below TLS, where nothing was read yet."""
    transport.pause_reading()
    transport.resume_reading()


async def _reach(host: str, port: int, deadline: Deadline) -> socket.socket:
    dialling = in_background(partial(dial, host, port, deadline))
    try:
        return await asyncio.wrap_future(dialling)
    except asyncio.CancelledError:
        dialling.add_done_callback(_close)
        raise


def _close(dialling: Future[socket.socket]) -> None:
    """Close what nobody waits for any more."""
    if dialling.exception() is None:
        dialling.result().close()
