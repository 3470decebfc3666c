"""No way through a connection passes an octet before the verdict, in the clear or otherwise, nor after TLS has ended.

Every method of what `ssl` and asyncio give to programs is in one of two lists: a way for octets, which is tried, or one
that passes none. A method that a new Python brings is in neither, and fails until somebody has decided.
"""

import asyncio
import socket
import ssl
from asyncio.sslproto import _SSLProtocolTransport  # what asyncio hands out for TLS
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mecai.client import ClientPolicy, Refused, VoucherContext, peer
from tests.patience import SECONDS
from tests.unit.client.world import World
from tests.unit.tls.memory import Pair, server_context, stapling_server

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

# Those that pass no octet of the program's: they tell, set, connect or end.
HARMLESS = {
    *("accept", "bind", "cipher", "close", "compression", "connect", "connect_ex", "context", "do_handshake"),
    *("family", "get_channel_binding", "get_inheritable", "getblocking", "getpeercert", "getpeername"),
    *("getsockname", "getsockopt", "gettimeout", "get_unverified_chain", "get_verified_chain", "listen", "pending"),
    *("proto", "selected_alpn_protocol", "selected_npn_protocol", "session", "session_reused", "set_inheritable"),
    *("setblocking", "setsockopt", "settimeout", "shared_ciphers", "shutdown", "timeout", "type", "unwrap"),
    *("verify_client_post_handshake", "version"),
}
# Those that hand out the descriptor. `fileno` has to, for event loops; what a program does with it is its own matter.
DESCRIPTOR = {"detach", "dup", "fileno"}

OBJECT_WAYS: dict[str, Callable[[ssl.SSLObject], Any]] = {
    "read": lambda end: end.read(1),
    "write": lambda end: end.write(SECRET),
}
OBJECT_HARMLESS = {
    *("cipher", "compression", "context", "do_handshake", "get_channel_binding", "get_unverified_chain"),
    *("get_verified_chain", "getpeercert", "pending", "selected_alpn_protocol", "selected_npn_protocol"),
    *("server_hostname", "server_side", "session", "session_reused", "shared_ciphers", "unwrap"),
    *("verify_client_post_handshake", "version"),
}

# asyncio's transports bring octets to the object's `write`, and what its `read` gives to the protocol.
TRANSPORT_WAYS = {"set_protocol", "write", "write_eof", "writelines"}
TRANSPORT_HARMLESS = {
    *("abort", "can_write_eof", "close", "get_extra_info", "get_protocol", "get_read_buffer_limits"),
    *("get_read_buffer_size", "get_write_buffer_limits", "get_write_buffer_size", "is_closing", "is_reading"),
    *("pause_reading", "resume_reading", "set_read_buffer_limits", "set_write_buffer_limits"),
}


@pytest.fixture
def ends() -> Iterator[tuple[ssl.SSLSocket, socket.socket]]:
    """Give a client that has not shaken hands, and its peer."""
    context = _client()
    near, far = socket.socketpair()
    with far, context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False) as sock:
        far.settimeout(SECONDS)
        yield sock, far


def test_somebody_has_decided_about_every_method() -> None:
    assert _public(ssl.SSLSocket) - HARMLESS - DESCRIPTOR == set(WAYS)
    assert _public(ssl.SSLObject) - OBJECT_HARMLESS == set(OBJECT_WAYS)
    assert (_public(_SSLProtocolTransport) | _public(asyncio.Transport)) - TRANSPORT_HARMLESS == TRANSPORT_WAYS


def _public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


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
        assert received.result(SECONDS) == b""


@pytest.mark.parametrize("ending", ["shutdown", "unwrap"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_passes_in_the_clear_when_tls_has_ended_after_the_verdict(
    ends: tuple[ssl.SSLSocket, socket.socket], tmp_path: Path, way: str, ending: str
) -> None:
    """`ssl` would send the program's octets as they are, and take whatever comes for the server's."""
    sock, far = ends
    with ThreadPoolExecutor(1) as pool, peer("127.0.0.1"):
        received = pool.submit(_serve_and_end, far, unwrap=ending == "unwrap")
        sock.do_handshake()
        if ending == "unwrap":
            sock.unwrap()
        else:
            sock.shutdown(socket.SHUT_RD if way in WAYS_OUT else socket.SHUT_WR)
        with pytest.raises((OSError, NotImplementedError), match=r"not connected|not allowed"):
            WAYS[way](sock, tmp_path / "file")
        sock.close()
        assert received.result(SECONDS) == b""


def test_a_descriptor_that_is_handed_out_leads_nowhere(ends: tuple[ssl.SSLSocket, socket.socket]) -> None:
    """Not even what has arrived already can be read from it."""
    sock, far = ends
    far.sendall(b"lure")
    with socket.socket(fileno=sock.detach()) as bare:
        assert sock.fileno() == -1
        with pytest.raises(BrokenPipeError):
            bare.send(SECRET)
        assert bare.recv(100) == b""
    assert far.recv(100) == b""


def test_another_context_over_the_same_socket_meets_a_connection_that_has_ended(
    ends: tuple[ssl.SSLSocket, socket.socket],
) -> None:
    """`wrap_socket` detaches what it is given, and would shake hands anew, without a verdict."""
    sock, far = ends
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(OSError, match=r"EOF|Broken pipe"):
        plain.wrap_socket(sock, server_hostname="localhost")
    assert far.recv(1000) == b""


def test_a_connection_is_not_doubled(ends: tuple[ssl.SSLSocket, socket.socket]) -> None:
    with pytest.raises(NotImplementedError):  # what `ssl` itself raises
        ends[0].dup()


@pytest.mark.parametrize("way", OBJECT_WAYS)
def test_an_object_is_gated_alike(way: str) -> None:
    """The first use is a handshake, and its refusal."""
    pair = Pair(_client(), stapling_server(world.site, None))
    with peer("127.0.0.1"):
        for step in (partial(OBJECT_WAYS[way], pair.client), pair.server.do_handshake):
            with pytest.raises(ssl.SSLWantReadError):
                step()
        with pytest.raises(Refused):
            OBJECT_WAYS[way](pair.client)
    pair.server.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.read(100)


def test_an_object_that_is_unwrapped_writes_no_more() -> None:
    pair = Pair(_client(), stapling_server(world.site, world.answer("birch", "cedar", "dogwood")))
    with peer("127.0.0.1"):
        pair.handshake()
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.unwrap()
    with pytest.raises(ssl.SSLError, match=r"(?i)shutdown"):
        pair.client.write(SECRET)
    assert pair.server.read(100) == b""


def _client() -> VoucherContext:
    return VoucherContext(ClientPolicy(profile="strict"), world.directory, bytes(32))


def _serve_and_end(far: socket.socket, *, unwrap: bool) -> bytes:
    """Shake hands, end TLS where told, and return what comes then below it."""
    answering = stapling_server(world.site, world.answer("birch", "cedar", "dogwood"))
    with answering.wrap_socket(far, server_side=True) as server, suppress(ConnectionError):
        if unwrap:
            server.unwrap()
        socket.socket.sendall(server, b"lure")
        return socket.socket.recv(server, 100)
    return b""


def _serve(far: socket.socket) -> bytes:
    """Shake hands, and return what comes then; a client that ends without having read the tickets resets."""
    with (
        suppress(ssl.SSLError, ConnectionError),
        server_context(world.site).wrap_socket(far, server_side=True) as server,
    ):
        return server.recv(100)
    return b""
