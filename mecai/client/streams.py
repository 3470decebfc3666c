"""asyncio streams over a connection that demands vouchers.

asyncio's TLS works on memory and does not know whom the transport reached; this connects first and says so.

    reader, writer = await open_connection("www.example.test", 443, context)
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

from mecai.client.context import VoucherContext
from mecai.client.sockets import peer


async def open_connection(
    host: str, port: int, context: VoucherContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address of `host` that answers at TCP, and judge.

    Raises `Refused`, which is final: no other address is tried then. Raises `OSError` if no address answers.
    """
    loop = asyncio.get_running_loop()
    sock = await _reach(loop, await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    with peer(sock.getpeername()[0]):
        return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)


async def _reach(loop: asyncio.AbstractEventLoop, found: Sequence[tuple[Any, ...]]) -> socket.socket:
    failure = OSError("the name has no address")
    for family, kind, protocol, _name, address in found:
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:  # cancelled
            sock.close()
            raise
        else:
            return sock
    raise failure
