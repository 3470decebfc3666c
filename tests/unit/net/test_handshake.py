"""A handshake ends at its deadline, whatever the peer does meanwhile: OpenSSL's own calls know none."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pytest

from mecai.net.cut_off import cut_off
from mecai.net.handshake import shake_hands
from mecai.service.background import in_background
from mecai.service.deadline import Deadline

Result = TypeVar("Result")

HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"  # RFC 5246, section 7.4.1.1, in a record of its own


@pytest.mark.parametrize("flood", [b"", HELLO_REQUEST * 5000], ids=["silence", "HelloRequests"])
def test_no_peer_can_hold_it_beyond_the_deadline(flood: bytes) -> None:
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):
            while theirs.recv(65536):
                while flood:
                    theirs.sendall(flood)

    def shake() -> None:
        shake_hands(ours, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "www.example.test", Deadline(0.2))

    server = in_background(serve)
    with pytest.raises(TimeoutError, match="timed out"):  # not the empty one of `result`
        in_background(shake).result(20)
    server.result(10)  # the connection is closed: the peer saw its end
    assert ours.fileno() == -1


def test_what_fails_in_time_is_told_as_it_is() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ZeroDivisionError), cut_off(ours, Deadline(60)):
        _ = 1 // 0


def test_what_looked_like_success_was_cut_off_if_the_deadline_passed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError), cut_off(ours, Deadline(0.05)):
        assert ours.recv(1) == b""


def test_what_was_closed_inside_is_not_cut_in_anothers_place() -> None:
    """The descriptor's number goes to the next connection at once, and that one must not be shut down."""
    ours, theirs = socket.socketpair()
    number = ours.fileno()

    def work() -> tuple[socket.socket, socket.socket]:
        ours.close()
        pair = socket.socketpair()
        assert theirs.recv(1) == b""  # the cut
        return pair

    other, peer = _late(ours, work)
    assert number in {other.fileno(), peer.fileno()}
    with theirs, other, peer:
        other.sendall(b"x")
        assert peer.recv(1) == b"x"


def _late(connected: socket.socket, work: Callable[[], Result]) -> Result:
    """Do `work` until the deadline has passed; return what came of it."""
    results = []
    with pytest.raises(TimeoutError), cut_off(connected, Deadline(0.05)):
        results.append(work())
    return results[0]
