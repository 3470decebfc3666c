"""Rule M4 through libraries with adapters: the four cases of a private network by requests, and a status by aiohttp."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import requests

from mecai.client import VoucherAdapter, VoucherConnector, VoucherContext
from tests.integration.client_servers import PAGE
from tests.integration.intranet_client import (
    VOUCHED,
    client,
    corp,
    every_name_is_loopback,
    serve,
    site_of,
    world,
)
from tests.integration.private_network import NAME, Responder
from tests.scene import HOST

__all__ = ["corp", "every_name_is_loopback", "serve"]


def _by_requests(context: VoucherContext, port: int, name: str = NAME) -> str:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", VoucherAdapter(context))
        return session.get(f"https://{name}:{port}/index.html", timeout=20).text


def _by_aiohttp(context: VoucherContext, port: int, name: str = NAME) -> str:
    async def get() -> str:
        connector = VoucherConnector(context)
        async with aiohttp.ClientSession(connector=connector) as session:
            page = await session.get(f"https://{name}:{port}/index.html")
            return await page.text()

    return asyncio.run(get())


@pytest.mark.parametrize("library", [_by_requests, _by_aiohttp])
def test_a_private_server_needs_no_voucher_but_a_status(
    library: Callable[..., str], corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    """Its own CA and a status, fetched after the handshake: accepted; no status: refused."""
    context, port = client(corp, tmp_path), serve(site_of(corp))
    assert library(context, port) == PAGE
    corp.down()
    with pytest.raises(Exception, match="status-unavailable"):  # each library has its own
        library(client(corp, tmp_path), port)


@pytest.mark.parametrize("library", [_by_requests, _by_aiohttp])
def test_each_side_has_its_own_authorities(
    library: Callable[..., str], corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    """A public CA with all its vouchers counts for no private name, and the private one for no public name."""
    context = client(corp, tmp_path)
    for name, site in ((NAME, world.alder.server(NAME)), (HOST, corp.ca.server(HOST))):
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):  # each library has its own
            library(context, serve(site, None, VOUCHED), name)
