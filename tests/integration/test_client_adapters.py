"""What an adapter makes of a proxy, of `http://`, and of a program that wants no validation."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests

from mecai.client import (
    ClientPolicy,
    VoucherAdapter,
    VoucherConnector,
    VoucherContext,
    VoucherTransport,
    open_connection,
    peer,
)
from mecai.client.domain_entry import DomainEntry
from tests.integration.client_servers import PAGE, blunt_server, connect_proxy
from tests.integration.recording_server import Recording, recording_server
from tests.pki import Hierarchy
from tests.scene import HOST
from tests.unit.client.world import World

world = World()
SECONDS = 20
URL = f"https://{HOST}/"  # a proxy resolves it, or nobody


def client(**settings: object) -> VoucherContext:
    policy = ClientPolicy(**settings)  # type: ignore[arg-type]  # a test names the keys it needs
    return VoucherContext(policy, world.directory, bytes(32))


@pytest.fixture
def server() -> Iterator[Recording]:
    with recording_server(world.site, world.answer("birch", "cedar", "dogwood")) as recording:
        yield recording


def _httpx(context: VoucherContext, url: str, proxy: str | None = None) -> str:
    async def get() -> str:
        async with httpx.AsyncClient(transport=VoucherTransport(context, proxy=proxy)) as session:
            return (await session.get(url, timeout=SECONDS)).text

    return asyncio.run(get())


def _aiohttp(context: VoucherContext, url: str, proxy: str | None = None, **more: object) -> str:
    async def get() -> str:
        connector = VoucherConnector(context)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(SECONDS)) as session,
            session.get(url, proxy=proxy, **more) as page,  # type: ignore[arg-type]  # a test names what it needs
        ):
            return await page.text()

    return asyncio.run(get())


def _streams(context: VoucherContext, url: str) -> str:
    async def get() -> str:
        _, writer = await open_connection("localhost", httpx.URL(url).port or 443, context)
        writer.close()
        return PAGE

    return asyncio.run(get())


@pytest.mark.parametrize("library", [_httpx, _aiohttp])
def test_through_a_proxy_no_address_is_known(library: Callable[..., str], server: Recording) -> None:
    """The proxy is at an address that the vouchers list; it is not the server all the same (V9)."""
    with connect_proxy(server.port) as port, pytest.raises(Exception, match="address-unknown"):
        library(client(), URL, f"http://127.0.0.1:{port}")
    assert server.heard() == [b""]


@pytest.mark.parametrize("library", [_httpx, _aiohttp])
def test_under_warn_a_proxy_brings_the_page(library: Callable[..., str], server: Recording) -> None:
    with connect_proxy(server.port) as port:
        assert library(client(mode="warn"), URL, f"http://127.0.0.1:{port}") == PAGE


@pytest.mark.parametrize("library", [_httpx, _aiohttp])
def test_a_program_may_say_whom_its_proxy_reaches(library: Callable[..., str], server: Recording) -> None:
    with connect_proxy(server.port) as port, peer("127.0.0.1"):
        assert library(client(), URL, f"http://127.0.0.1:{port}") == PAGE


@pytest.mark.parametrize("library", [_httpx, _aiohttp, _streams])
def test_what_a_program_says_of_the_peer_goes_before(library: Callable[..., str], server: Recording) -> None:
    with peer(None), pytest.raises(Exception, match="address-unknown"):  # each library has its own
        library(client(), f"https://localhost:{server.port}/")
    assert server.heard() == [b""]


def _nobody_came(listener: socket.socket) -> bool:
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
    return True


@pytest.mark.parametrize("through", [False, True], ids=["directly", "through a proxy"])
def test_aiohttp_refuses_plain_http_before_it_reaches_anybody(through: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        url, proxy = ("http://www.example.test/", plain) if through else (plain, None)
        with pytest.raises(aiohttp.ClientConnectorError, match=r"refused: .* expected https://"):
            _aiohttp(client(), url, proxy)
        assert _nobody_came(listener)


@pytest.mark.parametrize(
    "settings", [{"mode": "warn"}, {"mode": "off"}, {"domains": (DomainEntry(("localhost",), mode="warn"),)}]
)
def test_aiohttp_speaks_plain_http_where_nothing_is_enforced(settings: dict[str, object]) -> None:
    with blunt_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as port:
        assert _aiohttp(client(**settings), f"http://localhost:{port}/") == "hi"


@pytest.mark.parametrize("mode", ["enforce", "warn"])
@pytest.mark.parametrize("validation", [False, aiohttp.Fingerprint(bytes(32))], ids=["none", "fingerprint"])
def test_aiohttp_takes_no_request_without_validation(mode: str, validation: object, server: Recording) -> None:
    with pytest.raises(aiohttp.ClientConnectorError, match="refused: ssl= of the request"):
        _aiohttp(client(mode=mode), f"https://localhost:{server.port}/", ssl=validation)
    assert server.octets == []


def test_aiohttp_takes_a_request_that_demands_vouchers_itself(server: Recording) -> None:
    context = client(profile="strict")
    assert _aiohttp(client(mode="warn"), f"https://localhost:{server.port}/", ssl=context) == PAGE


def test_requests_takes_no_request_without_validation(server: Recording) -> None:
    with requests.Session() as session:
        session.mount("https://", VoucherAdapter(client()))
        with pytest.raises(requests.exceptions.SSLError, match=r"^verify=False: [^\n]*leave it out$"):
            session.get(f"https://localhost:{server.port}/", timeout=SECONDS, verify=False)
    assert server.octets == []


@pytest.mark.parametrize("verify", [True, "roots.pem"], ids=["its bundle", "a file"])
def test_requests_trusts_the_directorys_roots_alone(
    verify: bool | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of its own bundle besides, nor of a file that a program names, though nothing else is demanded."""
    stranger, roots = Hierarchy("stranger", datetime.now(UTC)), tmp_path / "roots.pem"
    roots.write_bytes(stranger.root.pem)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(roots))
    with recording_server(stranger.server("localhost"), b"") as server, requests.Session() as session:
        session.trust_env = False
        session.mount("https://", VoucherAdapter(client(mode="off")))
        with pytest.raises(requests.exceptions.SSLError, match="unable to get local issuer certificate"):
            session.get(f"https://localhost:{server.port}/", timeout=SECONDS, verify=verify)
    assert server.octets in ([], [b""])
