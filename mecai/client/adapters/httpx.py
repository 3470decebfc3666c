"""httpx with asyncio: `AsyncClient(transport=VoucherTransport())`. A refusal is an `httpx.ConnectError`.

httpx without it needs no more than `httpx.Client(verify=context)`. With it its TLS does not know whom it reaches,
and what connects for it has to say so. That is set where httpx has no public place for it; where another release has
that place no more, nobody tells the address, and everything is refused.
"""

import ssl
from typing import Any

import httpcore
import httpx

from mecai.client.context import VoucherContext
from mecai.client.gate import NOBODY, Peer, reached


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that says whom it reached to the TLS that begins on it."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, seen: Peer) -> None:
        self._inner, self._seen = inner, seen
        self.read, self.write, self.aclose = inner.read, inner.write, inner.aclose  # type: ignore[method-assign]
        self.get_extra_info = inner.get_extra_info  # type: ignore[method-assign]  # as it is

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        with reached(*self._seen):
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)


class _Backend(httpcore.AnyIOBackend):
    def __init__(self, proxied: bool) -> None:
        self._proxied = proxied

    async def connect_tcp(self, *arguments: Any, **more: Any) -> httpcore.AsyncNetworkStream:  # noqa: ANN401
        inner = await super().connect_tcp(*arguments, **more)
        return _Stream(inner, NOBODY if self._proxied else inner.get_extra_info("server_addr")[:2])


class VoucherTransport(httpx.AsyncHTTPTransport):
    """What connects to servers whom somebody has vouched for; through a proxy it takes none (V9)."""

    def __init__(self, context: VoucherContext | None = None, **more: Any) -> None:  # noqa: ANN401 - httpx's own
        """Demand what `context` does, or /etc/mecai/client.toml; raises as `VoucherContext.from_config`."""
        super().__init__(verify=context or VoucherContext.from_config(), **more)
        self._pool._network_backend = _Backend(more.get("proxy") is not None)  # noqa: SLF001 - see above
