"""A handshake ends at its deadline, whatever the peer does meanwhile: OpenSSL's own calls know none."""

import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from mecai.net.cut_off import cut_off
from mecai.net.handshake import shake_hands
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from tests.patience import SECONDS, standing

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
        shake_hands(ours, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "www.example.test", standing(0.2))

    server = in_background(serve)
    with pytest.raises(TimeoutError, match="timed out"):  # not the empty one of `result`
        in_background(shake).result(SECONDS)
    server.result(SECONDS)  # the connection is closed: the peer saw its end
    assert ours.fileno() == -1


def test_what_fails_in_time_is_told_as_it_is() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ZeroDivisionError), cut_off(ours, Deadline(SECONDS)):
        _ = 1 // 0


def test_what_looked_like_success_was_cut_off_if_the_deadline_passed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError), cut_off(ours, standing(0.05)):
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
    with pytest.raises(TimeoutError), cut_off(connected, standing(0.05)):
        results.append(work())
    return results[0]


def test_a_nearer_deadline_is_kept_beside_one_that_is_far() -> None:
    far, near = socket.socketpair(), socket.socketpair()
    with far[0], far[1], near[0], near[1], cut_off(far[0], Deadline(SECONDS)):
        with pytest.raises(TimeoutError), cut_off(near[0], standing(0.05)):
            near[0].recv(1)
        far[1].sendall(b"x")
        assert far[0].recv(1) == b"x"


def test_a_child_cuts_its_own_connections_and_none_of_its_parent() -> None:
    """Data of threads are a child's too, the threads are not, and a lock of theirs may be held for ever."""
    ours, theirs = socket.socketpair()
    with ours, theirs, cut_off(ours, Deadline(SECONDS)):
        child = os.fork()
        if not child:
            code = 1
            with suppress(BaseException):
                mine, peer = socket.socketpair()
                with pytest.raises(TimeoutError), cut_off(mine, standing(0.05)):
                    mine.recv(1)
                peer.close()
                code = 0
            os._exit(code)
        assert in_background(lambda: os.waitpid(child, 0)).result(SECONDS)[1] == 0
        theirs.sendall(b"x")
        assert ours.recv(1) == b"x"


def test_the_thread_that_cuts_takes_no_signal_from_who_waits_for_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, cut_off(ours, Deadline(SECONDS)):
        pass
    (thread,) = [each for each in threading.enumerate() if each.name == "cut-off"]
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text(encoding="ascii")
    blocked = int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)
    assert all(blocked >> (number - 1) & 1 for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT))
