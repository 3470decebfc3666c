"""No way through a `VoucherSocket` passes an octet before the verdict, in the clear or otherwise."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mecai.client import ClientPolicy, Refused, VoucherContext, peer
from tests.unit.client.world import World
from tests.unit.tls.memory import server_context

world = World()
SECRET = b"secret"


def _send_file(sock: ssl.SSLSocket, path: Path) -> int:
    """Send a real file: one in memory goes another way, which needs TLS."""
    path.write_bytes(SECRET)
    with path.open("rb") as file:
        return sock.sendfile(file)


# Every method of a TLS socket that takes octets from the program or gives it some.
WAYS_OUT: dict[str, Callable[[ssl.SSLSocket, Path], Any]] = {
    "write": lambda sock, _: sock.write(SECRET),
    "send": lambda sock, _: sock.send(SECRET),
    "sendall": lambda sock, _: sock.sendall(SECRET),
    "sendfile": _send_file,
    "sendto": lambda sock, _: sock.sendto(SECRET, 0, ("127.0.0.1", 9)),
    "sendmsg": lambda sock, _: sock.sendmsg([SECRET]),
    "sendmsg_afalg": lambda sock, _: sock.sendmsg_afalg([SECRET], op=0),
}
WAYS_IN: dict[str, Callable[[ssl.SSLSocket, Path], Any]] = {
    "read": lambda sock, _: sock.read(1),
    "recv": lambda sock, _: sock.recv(1),
    "recv_into": lambda sock, _: sock.recv_into(bytearray(1)),
    "recvfrom": lambda sock, _: sock.recvfrom(1),
    "recvfrom_into": lambda sock, _: sock.recvfrom_into(bytearray(1)),
    "recvmsg": lambda sock, _: sock.recvmsg(1),
    "recvmsg_into": lambda sock, _: sock.recvmsg_into([bytearray(1)]),
    "makefile": lambda sock, _: sock.makefile("rb").read(1),
}
WAYS = WAYS_OUT | WAYS_IN

# Those that pass nothing of the program's, or hand over the descriptor and with it the responsibility.
HARMLESS = {
    *("accept", "bind", "cipher", "close", "compression", "connect", "connect_ex", "context", "detach", "do_handshake"),
    *("dup", "family", "fileno", "get_channel_binding", "get_inheritable", "getblocking", "getpeercert", "getpeername"),
    *("getsockname", "getsockopt", "gettimeout", "get_unverified_chain", "get_verified_chain", "listen", "pending"),
    *("proto", "selected_alpn_protocol", "selected_npn_protocol", "session", "session_reused", "set_inheritable"),
    *("setblocking", "setsockopt", "settimeout", "shared_ciphers", "shutdown", "timeout", "type", "unwrap"),
    *("verify_client_post_handshake", "version"),
}


@pytest.fixture
def ends() -> Iterator[tuple[ssl.SSLSocket, socket.socket]]:
    """Give a client that has not shaken hands, and its peer."""
    context = VoucherContext(ClientPolicy(profile="strict"), world.directory, bytes(32))
    near, far = socket.socketpair()
    with far, context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False) as sock:
        far.settimeout(10)
        yield sock, far


def test_somebody_has_decided_about_every_method() -> None:
    """A method that a new Python brings fails here, until it is gated or known to be harmless."""
    methods = {name for name in dir(ssl.SSLSocket) if not name.startswith("_")}
    assert methods - HARMLESS == set(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_a_shutdown_before_the_verdict_leaves_no_way_in_the_clear(
    ends: tuple[ssl.SSLSocket, socket.socket], tmp_path: Path, way: str
) -> None:
    """`ssl` lets go of TLS at a shutdown, and would go on with the bare socket."""
    sock, far = ends
    if way in WAYS_IN:
        far.sendall(b"lure")
    sock.shutdown(socket.SHUT_WR if way in WAYS_IN else socket.SHUT_RD)
    with pytest.raises((OSError, NotImplementedError)) as caught:  # the latter: what `ssl` itself has closed for good
        WAYS[way](sock, tmp_path / "file")
    if not isinstance(caught.value, NotImplementedError):  # which `ssl` raises before it looks at the connection
        assert "not connected" in str(caught.value)
    sock.close()
    if way in WAYS_OUT:
        assert far.recv(100) == b""


@pytest.mark.parametrize("way", WAYS)
def test_the_first_use_is_a_handshake_and_its_refusal(
    ends: tuple[ssl.SSLSocket, socket.socket], tmp_path: Path, way: str
) -> None:
    """Against a server without vouchers, which sees the end of the connection and no octet of the program."""
    sock, far = ends
    with ThreadPoolExecutor(1) as pool, peer("127.0.0.1"):
        received = pool.submit(_serve, far)
        with pytest.raises((Refused, NotImplementedError)):  # the latter: what `ssl` itself has closed for good
            WAYS[way](sock, tmp_path / "file")
        sock.close()
        assert received.result(10) == b""


def _serve(far: socket.socket) -> bytes:
    """Shake hands, and return what comes then; a client that ends without having read the tickets resets."""
    with (
        suppress(ssl.SSLError, ConnectionError),
        server_context(world.site).wrap_socket(far, server_side=True) as server,
    ):
        return server.recv(100)
    return b""
