"""aiohttp: `ClientSession(connector=VoucherConnector())`. A refusal is an `aiohttp.ClientConnectorCertificateError`.

aiohttp connects by asyncio, whose TLS does not know whom it reaches. What is overridden here is not of aiohttp's public
interface; where another release has it no more, nobody tells the address, and everything is refused.
"""

import asyncio
import socket
from typing import Any

import aiohttp
from aiohappyeyeballs import start_connection

from mecai.client.context import VoucherContext
from mecai.client.gate import deferred, peer
from mecai.client.intranet import STATUS_SECONDS
from mecai.client.streams import settle
from mecai.service.deadline import Deadline


class VoucherConnector(aiohttp.TCPConnector):
    """What connects to servers whom somebody has vouched for."""

    def __init__(self, context: VoucherContext | None = None, **more: Any) -> None:  # noqa: ANN401 - aiohttp's own
        """Demand what `context` does, or /etc/mecai/client.toml; raises as `VoucherContext.from_config`."""
        super().__init__(ssl=context or VoucherContext.from_config(), **more)

    async def _wrap_create_connection(self, *arguments: Any, addr_infos: list[Any], **more: Any) -> Any:  # noqa: ANN401
        """Reach an address, and shake hands with it; whoever answers at TCP is final (docs/spec, M2)."""
        sock = await self._reach(addr_infos, more)
        addr_infos.clear()  # aiohttp would go on to those that are left
        with peer(sock.getpeername()[0]), deferred():
            transport, protocol = await self._wrap_existing_connection(*arguments, sock=sock, **more)
        await settle(transport, Deadline(STATUS_SECONDS))
        return transport, protocol

    async def _reach(self, addresses: list[Any], request: dict[str, Any]) -> socket.socket:
        try:
            async with asyncio.timeout(request["timeout"].sock_connect):
                return await start_connection(addresses, happy_eyeballs_delay=self._happy_eyeballs_delay)
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise
            failure = request.get("client_error", aiohttp.ClientConnectorError)
            raise failure(request["req"].connection_key, error) from error
