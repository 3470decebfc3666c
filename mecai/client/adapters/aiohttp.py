"""aiohttp: `ClientSession(connector=VoucherConnector())`. A refusal is an `aiohttp.ClientConnectorCertificateError`.

Where vouchers are enforced, `http://` is refused before anybody is reached, and so is what a request says against
validation (`ssl=False`) in every mode: an `aiohttp.ClientConnectorError`.

aiohttp connects by asyncio, whose TLS does not know whom it reaches. What is overridden here is not of aiohttp's public
interface; where another release has it no more, nobody tells the address, and everything is refused.
"""

import asyncio
import errno
import socket
from typing import Any

import aiohttp
from aiohappyeyeballs import start_connection

from mecai.client.attempt import LONGEST_PATIENCE
from mecai.client.choices import ENFORCE
from mecai.client.context import VoucherContext
from mecai.client.gate import deferred, reached
from mecai.client.streams import settle
from mecai.service.deadline import Deadline


class VoucherConnector(aiohttp.TCPConnector):
    """What connects to servers whom somebody has vouched for; through a proxy it takes none (V9)."""

    def __init__(self, context: VoucherContext | None = None, **more: Any) -> None:  # noqa: ANN401 - aiohttp's own
        """Demand what `context` does, or /etc/mecai/client.toml; raises as `VoucherContext.from_config`."""
        self._context = context or VoucherContext.from_config()
        super().__init__(ssl=self._context, **more)

    async def _create_connection(self, req: aiohttp.ClientRequest, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401
        """Refuse what would bring no verdict; the way to a proxy, which follows, may be plain."""
        if fault := self._fault(req):
            raise aiohttp.ClientConnectorError(req.connection_key, OSError(errno.EPROTO, fault))
        return await super()._create_connection(req, *arguments, **more)

    def _fault(self, req: aiohttp.ClientRequest) -> str:
        if req.is_ssl():
            validates = req.ssl is True or isinstance(req.ssl, VoucherContext)
            return "" if validates else "refused: ssl= of the request demands no voucher; leave it out"
        if self._context.policy.at(req.host).mode == ENFORCE:
            return "refused: nobody can vouch for a server without TLS; expected https://"
        return ""

    async def _wrap_create_connection(self, *arguments: Any, addr_infos: list[Any], **more: Any) -> Any:  # noqa: ANN401
        """Reach an address, and shake hands with it; whoever answers at TCP is final (docs/spec, M2)."""
        if more.get("ssl") is None:  # as `_create_connection` allows
            return await super()._wrap_create_connection(*arguments, addr_infos=addr_infos, **more)
        sock = await self._reach(addr_infos, more)
        addr_infos.clear()  # aiohttp would go on to those that are left
        with reached(*sock.getpeername()[:2]), deferred():
            transport, protocol = await self._wrap_existing_connection(*arguments, sock=sock, **more)
        await settle(transport, Deadline(LONGEST_PATIENCE))
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
