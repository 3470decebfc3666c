"""One connection and one page: which address, and what becomes of each failure."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mecai.client import ClientPolicy, Outcome, VoucherContext
from mecai.client.fetch import PAGE_LIMIT, JudgedConnection, connect, get
from mecai.client.request import Destination
from mecai.errors import HostError, VerificationError
from mecai.net.dial import Unreachable
from mecai.service.deadline import Deadline
from tests.integration.client_servers import PAGE, blunt_server, flooding_server, openssl_server
from tests.integration.tls_server import TlsServer
from tests.patience import SECONDS, standing
from tests.pki import Hierarchy
from tests.ports import free_port
from tests.unit.client.world import World

world = World()
VOUCHED = world.answer("birch", "cedar", "dogwood")


@pytest.fixture
def context() -> VoucherContext:
    return VoucherContext(ClientPolicy(), world.directory, bytes(32))


def reach(context: VoucherContext, port: int, host: str = "localhost") -> JudgedConnection:
    return connect(Destination(host, port), context, Deadline(SECONDS))


def resolve_to(*addresses: str) -> Callable[..., list[Any]]:
    """Stand in for the resolver."""

    def getaddrinfo(*_arguments: Any, **_hints: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    return getaddrinfo


def test_a_page_with_its_times(context: VoucherContext, tmp_path: Path) -> None:
    with openssl_server(world, tmp_path, VOUCHED) as port:
        destination = Destination("localhost", port, "/index.html")
        connection = connect(destination, context, Deadline(SECONDS))
        assert connection.socket is not None
        page = get(connection, destination, Deadline(SECONDS))
        connection.socket.close()
    assert (page.status, page.body.decode(), page.complete) == (200, PAGE, True)
    times = connection.timings
    assert min(times.connect, times.handshake, times.verification) > 0


def test_a_page_is_cut_off_at_the_limit(context: VoucherContext, tmp_path: Path) -> None:
    (tmp_path / "long.html").write_bytes(b"x" * (PAGE_LIMIT + 1))
    with openssl_server(world, tmp_path, VOUCHED) as port:
        destination = Destination("localhost", port, "/long.html")
        connection = connect(destination, context, Deadline(SECONDS))
        assert connection.socket is not None
        with connection.socket:
            page = get(connection, destination, Deadline(SECONDS))
    assert (len(page.body), page.complete) == (PAGE_LIMIT, False)


def test_a_server_that_never_ends_meets_the_deadline(context: VoucherContext, tmp_path: Path) -> None:
    with openssl_server(world, tmp_path, VOUCHED) as port:
        destination = Destination("localhost", port, "/index.html")
        connection = connect(destination, context, Deadline(SECONDS))
        assert connection.socket is not None
        with connection.socket, pytest.raises(HostError, match="got no page"):
            get(connection, destination, Deadline(0))


def test_the_next_address_is_tried_where_one_does_not_answer(
    context: VoucherContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolve_to("127.0.0.2", "127.0.0.1"))
    with openssl_server(world, tmp_path, VOUCHED) as port:
        connection = reach(context, port)
    assert connection.verdict.peer_address == "127.0.0.1"
    assert connection.socket is not None
    connection.socket.close()


def test_a_refusal_is_final(context: VoucherContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second address would be asked only by a client that gives an attacker a second draw."""
    with TlsServer([world.site]) as first, TlsServer([world.site], address="127.0.0.2", port=first.port) as second:
        monkeypatch.setattr(socket, "getaddrinfo", resolve_to("127.0.0.1", "127.0.0.2"))
        connection = reach(context, first.port)
        assert (connection.socket, connection.verdict.reason) == (None, "no-voucher")
    assert second.history == []
    assert [met.data for met in first.history] in ([], [b""])


def test_a_broken_handshake_is_final_too(context: VoucherContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with blunt_server(b"HTTP/1.0 400 no TLS here\r\n\r\n") as port:
        with TlsServer([world.site], address="127.0.0.2", port=port) as second:
            monkeypatch.setattr(socket, "getaddrinfo", resolve_to("127.0.0.1", "127.0.0.2"))
            with pytest.raises(VerificationError) as caught:
                reach(context, port)
        assert caught.value.reason == "handshake-failed"
        assert second.history == []


def test_a_silent_server_meets_the_deadline(context: VoucherContext) -> None:
    with blunt_server() as port, pytest.raises(VerificationError, match="timed out") as caught:
        connect(Destination("localhost", port), context, standing(0.2))
    assert caught.value.reason == "handshake-failed"


def test_a_server_that_sends_hello_requests_without_end_meets_the_deadline(context: VoucherContext) -> None:
    with flooding_server() as port, pytest.raises(VerificationError, match="timed out") as caught:
        connect(Destination("localhost", port), context, standing(0.3))
    assert caught.value.reason == "handshake-failed"


def test_a_stranger_fails_ordinary_validation(context: VoucherContext) -> None:
    stranger = Hierarchy("stranger", world.now).server("localhost")
    with TlsServer([stranger]) as server, pytest.raises(VerificationError) as caught:
        reach(context, server.port)
    assert caught.value.reason == "certificate-invalid"


def test_another_name_fails_ordinary_validation(context: VoucherContext) -> None:
    other = world.alder.server("other.example.test")
    with TlsServer([other]) as server, pytest.raises(VerificationError, match=r"(?i)mismatch") as caught:
        reach(context, server.port)
    assert caught.value.reason == "certificate-invalid"


def test_nobody_there(context: VoucherContext, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(socket, "getaddrinfo", resolve_to("127.0.0.1", "127.0.0.2"))
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1: .*; 127\.0\.0\.2: ") as caught:
        reach(context, port)
    assert (caught.value.reason, caught.value.exit_code) == ("unreachable", 3)


def test_a_name_without_address(context: VoucherContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_hints: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unreachable, match="the name has no address"):
        reach(context, 443)


def test_warn_goes_on(tmp_path: Path) -> None:
    context = VoucherContext(ClientPolicy(mode="warn"), world.directory, bytes(32))
    with openssl_server(world, tmp_path, None) as port:
        connection = reach(context, port)
        assert connection.socket is not None
        with connection.socket:
            assert connection.verdict.outcome is Outcome.WARNED
            assert get(connection, Destination("localhost", port, "/index.html"), Deadline(SECONDS)).status == 200
