"""One HTTP exchange over a socket pair: what a server may do, and that it always ends."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mecai.net.exchange import exchange
from mecai.net.url import Target
from mecai.service.deadline import Deadline
from tests.patience import SECONDS

TARGET = Target("www.example.test", 443, "/x")
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Give both ends of a connection: ours and the server's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("target", "host"), [(TARGET, b"www.example.test"), (Target("2001:db8::1", 8443), b"[2001:db8::1]:8443")]
)
def test_the_host_field_names_the_port_where_it_is_not_the_usual(pair: Pair, target: Target, host: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(b"HTTP/1.1 204 Nothing\r\n\r\n")
    assert exchange(ours, target, Deadline(SECONDS), 100).status == 204
    assert b"Host: " + host in theirs.recv(65536).split(b"\r\n")


@pytest.mark.parametrize("body", [None, b"x" * 1_000_000])
def test_an_answer_counts_that_came_before_the_whole_request_was_sent(pair: Pair, body: bytes | None) -> None:
    """The server refuses by the first line, says why, and hangs up: sending fails, and the reason is there to read."""
    ours, theirs = pair
    theirs.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nwhy")
    theirs.close()
    answer = exchange(ours, TARGET, Deadline(SECONDS), 100, body=body)
    assert (answer.status, answer.phrase, answer.body) == (413, "Too Large", b"why")


def test_a_server_that_hangs_up_without_answer_leaves_what_failed_first(pair: Pair) -> None:
    ours, theirs = pair
    theirs.close()
    with pytest.raises(BrokenPipeError):
        exchange(ours, TARGET, Deadline(SECONDS), 100, body=b"x")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhell",
    ],
)
def test_an_answer_that_ends_too_early_is_none(pair: Pair, answer: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(OSError, match="IncompleteRead"):
        exchange(ours, TARGET, Deadline(SECONDS), 100)


def test_a_body_is_cut_off_at_the_limit(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    answer = exchange(ours, TARGET, Deadline(SECONDS), 4)
    assert (answer.body, answer.complete) == (b"hell", False)


@pytest.mark.parametrize(
    "drip", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"X: y\r\n", b"HTTP/1.1 200 OK\r\n\r\nx", b"\x00"]
)
def test_no_server_can_hold_it_beyond_the_deadline(drip: bytes) -> None:
    """It is silent, or says the same again and again, so that no single wait is long."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):
            while drip:
                theirs.sendall(drip)
            while theirs.recv(65536):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    with ours, pytest.raises(OSError):  # noqa: PT011 - some drips are no HTTP, and end at once
        exchange(ours, TARGET, Deadline(0.2), 1 << 28)
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_deadline_that_is_over_asks_nothing(pair: Pair) -> None:
    ours, theirs = pair
    with pytest.raises(TimeoutError):
        exchange(ours, TARGET, Deadline(0), 100)
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
