"""Connections that are used again: as long as their server keeps them, by the context that judged it, for a while."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from mecai.net import cut_off
from mecai.net import kept as module
from mecai.net.exchange import Answer
from mecai.net.kept import AGE_SECONDS, IDLE_SECONDS, Kept
from mecai.net.url import Target
from mecai.net.web import trusting
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from tests.patience import SECONDS
from tests.pki import Hierarchy

HOST, LIMIT = "127.0.0.1", 100
NOW = datetime.now(UTC)
OURS = Hierarchy("birch", NOW)
QUESTION = b"question"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
LAST = GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + bytes(200)


@dataclass
class Server:
    """Answers each question with `answer`, given how often it was asked: what is empty hangs up, None says nothing."""

    listener: socket.socket
    tls: ssl.SSLContext
    answer: Callable[[int], bytes | None] = lambda _: GOOD
    afterwards: Callable[[ssl.SSLSocket], None] = lambda _: None
    ends: bool = False  # after each answer, without a word
    asked: list[int] = field(default_factory=list)  # on which connection each question came
    lines: list[ssl.SSLSocket] = field(default_factory=list)
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(self) -> None:
        """Take connections until the listener is shut down."""
        with suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.lines.append(self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False))
                in_background(partial(self.serve, len(self.lines) - 1))

    def serve(self, place: int) -> None:
        """Answer on one connection until either side ends it."""
        with suppress(OSError), self.lines[place] as line, line.makefile("rb") as file:
            line.do_handshake()
            while file.readline():
                while file.readline().strip():
                    pass
                assert file.read(len(QUESTION)) == QUESTION
                self.asked.append(place)
                if (answer := self.answer(len(self.asked))) is None:
                    continue
                line.sendall(answer)
                self.afterwards(line)
                if self.ends or not answer:
                    break
        self.ended.release()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server; all its connections end with the test."""
    identity, file = OURS.server(HOST), tmp_path / "identity.pem"
    file.touch(0o600)
    file.write_bytes(identity.key_pem + identity.chain_pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    tls.num_tickets = 0
    with socket.create_server((HOST, 0)) as listener:
        server = Server(listener, tls)
        running = in_background(server.run)
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        running.result(SECONDS)
        for line in server.lines:
            with suppress(OSError), socket.fromfd(line.fileno(), socket.AF_INET, socket.SOCK_STREAM) as plain:
                plain.shutdown(socket.SHUT_RDWR)


@dataclass
class Asker:
    """Asks the server again and again, with a clock that a test moves."""

    server: Server
    tls: ssl.SSLContext
    now: float = 0.0

    def __post_init__(self) -> None:
        self.kept = Kept(Target(HOST, self.server.listener.getsockname()[1]), lambda: self.now)

    def ask(self, deadline: Deadline | None = None) -> Answer:
        """Ask once."""
        return self.kept.exchange("x", self.tls, deadline or Deadline(SECONDS), LIMIT, body=QUESTION)


@pytest.fixture
def asker(server: Server) -> Asker:
    return Asker(server, trusting([OURS.root.certificate]))


def test_one_handshake_is_enough_for_many_questions(asker: Asker) -> None:
    assert [asker.ask().body for _ in range(3)] == [b"hello"] * 3
    assert asker.server.asked == [0, 0, 0]


def test_what_the_server_ended_meanwhile_costs_no_question(asker: Asker) -> None:
    asker.server.ends = True
    for _ in range(3):
        assert asker.ask().body == b"hello"
        assert asker.server.ended.acquire(timeout=SECONDS)
    assert asker.server.asked == [0, 1, 2]


def test_nor_does_what_it_ends_at_that_moment(asker: Asker) -> None:
    """The question is on its way already, and is asked once more."""
    asker.server.answer = lambda count: b"" if count == 2 else GOOD
    assert [asker.ask().status, asker.ask().status] == [200, 200]
    assert asker.server.asked == [0, 0, 1]


def test_a_fresh_connection_that_fails_is_the_end(asker: Asker) -> None:
    asker.server.answer = lambda count: GOOD if count == 1 else b""
    asker.ask()
    for asked in ([0, 0, 1], [0, 0, 1, 2]):
        with pytest.raises(OSError, match="without response"):
            asker.ask()
        assert asker.server.asked == asked


def test_a_question_has_one_deadline_and_is_not_asked_again_after_it(asker: Asker) -> None:
    """Nor are others asked on what was kept beside that connection: they would be late, too, if a way is cut."""
    both = threading.Barrier(2)

    def answer(_count: int) -> bytes:
        both.wait(SECONDS)
        return GOOD

    asker.server.answer = answer
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: asker.ask(), range(2)))
    moments = [0.0]

    def be_over(_count: int) -> None:
        """Let the time be over, now that the question is there."""
        moments.append(SECONDS)
        watch = cut_off._WATCH
        with watch._changed:
            for cut in watch._armed:
                cut.at = 0.0
            watch._changed.notify()

    asker.server.answer = be_over
    with pytest.raises(TimeoutError):
        asker.ask(Deadline(SECONDS, lambda: moments[-1]))
    assert (len(asker.server.asked), len(asker.server.lines)) == (3, 2)
    asker.server.answer = lambda _: GOOD
    asker.ask()
    assert len(asker.server.lines) == 3


def test_what_a_server_says_unasked_is_no_answer(asker: Asker) -> None:
    said = threading.Event()

    def serve(line: ssl.SSLSocket) -> None:
        line.sendall(GOOD)
        said.set()

    asker.server.afterwards = serve
    asker.ask()
    assert said.wait(SECONDS)
    asker.ask()
    assert asker.server.asked == [0, 1]


@pytest.mark.parametrize("answer", [LAST, ENDLESS], ids=["the server says so", "longer than the limit"])
def test_what_cannot_last_is_not_kept(asker: Asker, answer: bytes) -> None:
    asker.server.answer = lambda _: answer
    asker.ask()
    assert asker.server.ended.acquire(timeout=SECONDS)
    asker.ask()
    assert asker.server.asked == [0, 1]


def test_it_waits_for_a_while(asker: Asker) -> None:
    asker.ask()
    for step, asked in ((IDLE_SECONDS - 1, [0, 0]), (IDLE_SECONDS, [0, 0, 1])):
        asker.now += step
        asker.ask()
        assert asker.server.asked == asked


def test_it_grows_no_older_than_it_may_however_busy_it_is(asker: Asker) -> None:
    while asker.now < AGE_SECONDS:
        asker.ask()
        asker.now += IDLE_SECONDS - 1
    assert len(asker.server.lines) == 1
    asker.ask()
    assert len(asker.server.lines) == 2


def test_another_context_shakes_hands_anew(asker: Asker) -> None:
    """Such as one with newer lists of who was revoked; what the former one judged is ended."""
    asker.ask()
    asker.tls = trusting([OURS.root.certificate])
    asker.ask()
    assert asker.server.ended.acquire(timeout=SECONDS)
    assert asker.server.asked == [0, 1]
    asker.tls = trusting([Hierarchy("somebody", NOW).root.certificate])
    with pytest.raises(ssl.SSLCertVerificationError):
        asker.ask()
    assert asker.server.asked == [0, 1]


def test_some_wait_and_no_more(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks while others do has a connection of his own."""
    monkeypatch.setattr(module, "MOST", 2)
    together = threading.Barrier(3)

    def answer(_count: int) -> bytes:
        together.wait(SECONDS)
        return GOOD

    asker.server.answer = answer
    for handshakes in (3, 4):
        with ThreadPoolExecutor(3) as pool:
            assert [each.status for each in pool.map(lambda _: asker.ask(), range(3))] == [200] * 3
        assert len(asker.server.lines) == handshakes
        assert asker.server.ended.acquire(timeout=SECONDS)


def test_they_end_with_whoever_has_them(asker: Asker) -> None:
    asker.ask()
    del asker.kept
    assert asker.server.ended.acquire(timeout=SECONDS)


def test_no_question_waits_for_an_acknowledgement(asker: Asker) -> None:
    """It is written in two parts, and the other end of a connection that is used again acknowledges after 40 ms."""
    asker.ask()
    (line,) = asker.kept._waiting
    assert line.secure.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
