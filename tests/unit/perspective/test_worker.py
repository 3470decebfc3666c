"""Who may shake hands with an agent, how many at once, for how long; and that no thread waits without end."""

import selectors
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

from mecai.perspective import worker as module
from mecai.perspective.config import PerspectiveConfig
from mecai.perspective.judgement import READ_SECONDS, Line
from mecai.perspective.worker import Worker
from mecai.service.deadline import Deadline
from mecai.service.settings import read_settings
from tests.patience import SECONDS

FILES = 'key = "k"\ncertificate = "c"\nroots = "r"\n'


class Received:
    """A worker without gunicorn's process around it, and those who connect to it."""

    def __init__(self, stack: ExitStack, config: PerspectiveConfig) -> None:
        self.worker = Worker.__new__(Worker)
        self.worker.poller = stack.enter_context(selectors.DefaultSelector())
        self.worker.pending_conns = deque()
        self.worker.prepare(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), config)
        self.stack, self.config = stack, config
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.callback(self.leave)

    def connect(self) -> socket.socket:
        """Connect, and let the worker see to it."""
        line = self.stack.enter_context(socket.create_connection(self.listener.getsockname(), SECONDS))
        self.worker.accept(self.listener)
        return line

    @property
    def arriving(self) -> list[object]:
        """The addresses of those that shake hands."""
        return [line.getpeername() for line in self.worker._arriving]

    def step(self) -> None:
        """Let the worker do what it waits for."""
        for key, _ in self.worker.poller.select(SECONDS):
            key.data(key.fileobj)

    def leave(self) -> None:
        """End those that shake hands."""
        for line in list(self.worker._arriving):
            self.worker._drop(line)


def config(folder: Path, clients: Sequence[str] = ()) -> PerspectiveConfig:
    file = folder / "perspective.toml"
    file.write_text(f"{FILES}clients = {list(clients)}".replace("'", '"'))
    return read_settings(file, PerspectiveConfig)


@pytest.fixture
def received(tmp_path: Path) -> Iterator[Received]:
    with ExitStack() as stack:
        yield Received(stack, config(tmp_path))


def test_of_too_many_who_came_first_goes_first(received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ARRIVING", 2)
    first, *others = [received.connect() for _ in range(3)]
    assert first.recv(1) == b""
    assert received.arriving == [line.getsockname() for line in others]


def test_who_takes_too_long_is_ended(received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0)
    late = received.connect()
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 60)
    other = received.connect()
    received.worker.murder_pending()
    assert late.recv(1) == b""
    assert received.arriving == [other.getsockname()]


def test_who_speaks_no_tls_is_ended(received: Received) -> None:
    line = received.connect()
    line.sendall(b"GET / HTTP/1.1\r\n\r\n")
    received.step()
    assert line.recv(1) == b""
    line.close()
    while received.worker._arriving:
        received.step()


def test_who_is_refused_is_told_so_whatever_he_has_sent_behind(received: Received) -> None:
    """What is closed with octets unread is reset, and whoever has not read the alert then never does."""
    line = received.connect()
    asked = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(*asked, server_hostname="agent.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = asked[1].read()
    line.sendall(hello)  # the server has no certificate, and refuses it
    line.sendall(bytes(1024))
    received.step()
    line.sendall(bytes(1024))
    asked[0].write(line.recv(1024))
    with pytest.raises(ssl.SSLError, match="alert handshake failure"):
        client.do_handshake()
    assert line.recv(1) == b""
    line.close()
    while received.worker._arriving:
        received.step()


def test_who_is_refused_and_stays_is_ended_in_time(received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0)
    line = received.connect()
    line.sendall(b"GET / HTTP/1.1\r\n\r\n")
    received.step()
    assert received.worker._arriving
    received.worker.murder_pending()
    assert not received.worker._arriving


@pytest.mark.parametrize("case", [(60, "", True), (0, "", False), (60, "newer", False)])
@pytest.mark.parametrize("way", ["kept", "silent at first", "sent ahead"])
def test_who_was_let_in_has_a_next_question_for_a_while_and_while_the_lists_are_the_same(
    received: Received, monkeypatch: pytest.MonkeyPatch, way: str, case: tuple[float, str, bool]
) -> None:
    """Whichever way a question comes to gunicorn: on a kept connection, late on a new one, with the one before it."""
    age, lists, seated = case
    worker, asked = received.worker, list[Any]()
    worker.cfg, worker.nr_conns = Config(), 0
    monkeypatch.setattr(ThreadWorker, "enqueue_req", lambda _, conn: asked.append(conn))
    peer = received.connect()
    (line,) = worker._arriving
    worker._seat(worker._take(line))
    (conn,) = asked
    conn.deadline = Deadline(age)
    if lists:
        worker.prepare(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), received.config)
    if way == "sent ahead":
        done = Future[bool]()
        done.set_result(True)
        conn.parser.unreader.buf.write(b"GET /")
        worker.alive, worker.keepalived_conns, worker.max_keepalived = True, deque(), 1
        worker.finish_request(conn, done)
    else:
        worker.poller.register(line, selectors.EVENT_READ)
        waiting, come = {
            "kept": ("keepalived_conns", worker.on_client_socket_readable),
            "silent at first": ("pending_conns", worker.on_pending_socket_readable),
        }[way]
        setattr(worker, waiting, deque([conn]))
        come(conn, line)
        assert not getattr(worker, waiting)
    assert (worker.nr_conns, len(asked)) == ((1, 2) if seated else (0, 1))
    assert not worker.poller.get_map()
    line.close()
    assert peer.recv(1) == b""


@pytest.mark.parametrize(
    ("clients", "peer", "may"),
    [
        ((), "203.0.113.1", True),
        (("192.0.2.0/24",), "192.0.2.7", True),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", True),
        (("192.0.2.0/24",), "192.0.3.7", False),
        (("192.0.2.0/24",), "2001:db8::1", False),
        (("192.0.2.0/24", "fe80::/10"), "fe80::1%lo", True),
    ],
)
def test_clients_come_from_the_networks_that_the_operator_names(
    tmp_path: Path, clients: Sequence[str], peer: str, may: bool
) -> None:
    with ExitStack() as stack:
        assert Received(stack, config(tmp_path, clients)).worker._may_come(peer) is may


def test_no_thread_waits_without_end() -> None:
    """Whatever gunicorn does with a connection, which it makes blocking."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = Line
    one, other = socket.socketpair()
    with one, other, context.wrap_socket(one, server_side=True, do_handshake_on_connect=False) as line:
        line.setblocking(True)
        assert line.gettimeout() == READ_SECONDS
        line.setblocking(False)
        assert line.gettimeout() == 0
