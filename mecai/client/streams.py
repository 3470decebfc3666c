"""asyncio streams over a connection that demands vouchers.

asyncio's TLS works on memory and does not know whom the transport reached; this connects first and says so.

    reader, writer = await open_connection("www.example.test", 443, context)
"""

import asyncio
import socket
from concurrent.futures import Future
from functools import partial
from typing import Final

from mecai.client.context import VoucherContext
from mecai.client.sockets import peer
from mecai.net.dial import dial
from mecai.service.background import in_background
from mecai.service.deadline import Deadline

SECONDS: Final = 30.0


async def open_connection(
    host: str, port: int, context: VoucherContext, *, seconds: float = SECONDS
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address of `host` that answers at TCP, and judge, all within `seconds`.

    Raises `Refused`, which is final: no other address is tried then. Raises `OSError` if no address answers.
    """
    deadline = Deadline(seconds)
    sock = await _reach(host, port, deadline)
    sock.setblocking(False)
    with peer(sock.getpeername()[0]):
        return await asyncio.open_connection(
            sock=sock, ssl=context, server_hostname=host, ssl_handshake_timeout=deadline.require()
        )


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
