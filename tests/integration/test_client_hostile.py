"""Servers that break the rules of section 5, or play for time: each meets its own answer, soon."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ssl import AlertDescription as Alert

import pytest
import requests

from mecai.client import ClientPolicy, VoucherAdapter, VoucherContext
from mecai.client.domain_entry import DomainEntry
from mecai.client.fetch import JudgedConnection, connect
from mecai.client.request import Destination
from mecai.errors import VerificationError
from mecai.service.deadline import Deadline
from tests.integration.client_servers import flooding_server
from tests.integration.hostile_server import (
    TLS12,
    TLS13,
    Met,
    Twist,
    encrypted_extensions,
    end_entity,
    hostile_server,
    retry_request,
    server_hello,
)
from tests.unit.client.world import World

world = World()
GOOD = world.answer("birch", "cedar", "dogwood")
SECONDS = 60.0  # for what must be far sooner: a machine may be busy


def client(**settings: object) -> VoucherContext:
    policy = ClientPolicy(**{"profile": "strict", **settings})  # type: ignore[arg-type]  # a test names the keys it needs
    return VoucherContext(policy, world.directory, bytes(32))


def reach(context: VoucherContext, server: Met) -> JudgedConnection:
    connection = connect(Destination("localhost", server.port), context, Deadline(SECONDS))
    if connection.socket:
        connection.socket.close()
    return connection


def list_of(voucher: bytes, times: int) -> bytes:
    """Return the octets of extension `voucher` with one voucher several times."""
    one = len(voucher).to_bytes(2) + voucher
    return (times * len(one)).to_bytes(2) + times * one


@pytest.mark.parametrize(
    ("place", "version", "times"),
    [
        (server_hello, TLS13, 1),
        (encrypted_extensions, TLS13, 1),
        (retry_request, TLS13, 1),
        (end_entity, TLS13, 2),
        (server_hello, TLS12, 2),
    ],
    ids=["ServerHello of TLS 1.3", "EncryptedExtensions", "HelloRetryRequest", "twice", "twice in TLS 1.2"],
)
def test_good_vouchers_where_none_may_stand(place: Twist, version: tuple[int, int], times: int) -> None:
    """T2: in a wrong message or twice in one block they are no vouchers, but the end of the handshake."""
    with hostile_server(world.site, place, *[GOOD] * times, version=version) as server:
        with pytest.raises(VerificationError) as caught:
            reach(client(), server)
        assert caught.value.reason == "handshake-failed"
        assert server.over().alert == Alert.ALERT_DESCRIPTION_ILLEGAL_PARAMETER


@pytest.mark.parametrize(("place", "version"), [(end_entity, TLS13), (server_hello, TLS12)])
def test_the_same_server_with_the_same_vouchers_in_their_place(place: Twist, version: tuple[int, int]) -> None:
    """The other side of this file: it is the place alone that was wrong."""
    with hostile_server(world.site, place, GOOD, version=version) as server:
        assert reach(client(), server).verdict.reason is None


def test_vouchers_that_nobody_asked_for() -> None:
    """A domain that is `off` asks for none (M1); T2 says what meets one that comes."""
    context = client(domains=(DomainEntry(("localhost",), mode="off"),))
    with hostile_server(world.site, server_hello, GOOD, version=TLS12) as server:
        with pytest.raises(VerificationError) as caught:
            reach(context, server)
        assert caught.value.reason == "handshake-failed"
        assert server.over().alert == Alert.ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (list_of(b"x", 21_333), "malformed"),
        (list_of(world.local_voucher("birch"), 64_000 // (2 + len(world.local_voucher("birch")))), "quorum"),
        (list_of(bytes(61_000), 1), "malformed"),
    ],
    ids=["one octet each", "one voucher many times", "one long one"],
)
def test_as_much_as_an_answer_may_have(answer: bytes, reason: str) -> None:
    """T7 allows 64,000 octets; they cost no more than their octets, and a voucher that is repeated is one voucher."""
    with hostile_server(world.site, end_entity, answer) as server:
        connection = reach(client(), server)
        assert connection.verdict.reason == reason
        assert server.over().data == b""


@pytest.mark.parametrize("octets", [64_001, 65_529])
def test_more_than_an_answer_may_have(octets: int) -> None:
    """T7, T4: the alert goes out before the verdict. TLS has room for 65,535 octets."""
    with hostile_server(world.site, end_entity, octets.to_bytes(2) + bytes(octets)) as server:
        connection = reach(client(), server)
        assert (connection.verdict.reason, connection.socket) == ("malformed", None)
        assert server.over().alert == Alert.ALERT_DESCRIPTION_DECODE_ERROR


def test_another_handshake_is_declined() -> None:
    """T9: what a second handshake shows would be judged by nobody."""
    with hostile_server(world.site, server_hello, GOOD, version=TLS12, renegotiates=True) as server:
        connection = connect(Destination("localhost", server.port), client(), Deadline(SECONDS))
        assert connection.socket is not None
        with connection.socket as sock, suppress(OSError):  # however the server ends it
            sock.settimeout(SECONDS)
            assert sock.recv(1) == b""
        assert server.over().alert == Alert.ALERT_DESCRIPTION_NO_RENEGOTIATION


@contextmanager
def dripping_server() -> Iterator[int]:
    """Send a record of handshake octet by octet until the client goes; yields the port."""
    gone = threading.Event()

    def meet() -> None:
        plain, _ = listener.accept()
        with plain:
            try:
                plain.sendall(b"\x16\x03\x03\x40\x00")
                while not gone.wait(0.05):
                    plain.sendall(b"\x02")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=meet, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        gone.set()
        thread.join(SECONDS)


def test_a_server_that_drips_meets_the_deadline() -> None:
    """The timeout of a socket would begin anew with each octet."""
    with dripping_server() as port, pytest.raises(VerificationError, match="timed out"):
        connect(Destination("localhost", port), client(), Deadline(0.5))


@pytest.mark.parametrize("server", [dripping_server, flooding_server])
def test_the_timeout_of_a_program_bounds_its_handshake(server: type) -> None:
    """As requests sets it on the socket. In TLS 1.2 one call of OpenSSL reads on while HelloRequests come."""
    with server() as port, requests.Session() as session:
        session.mount("https://", VoucherAdapter(client()))
        with pytest.raises((requests.exceptions.Timeout, requests.exceptions.ConnectionError), match="timed out"):
            session.get(f"https://localhost:{port}/", timeout=0.5)
