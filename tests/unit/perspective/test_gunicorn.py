"""What an agent's worker takes for granted of gunicorn's threaded worker, which promises none of it (ADR 0052).

Where one of these fails after gunicorn was pinned anew, read `mecai/perspective/worker.py` beside the new `gthread.py`:
a method that is called no more lets strangers into the threads, or keeps everybody out, without a word.
"""

import inspect
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gunicorn import __version__, http
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.sock import ssl_context
from gunicorn.workers.gthread import TConn, ThreadWorker

from mecai.perspective.worker import Worker
from tests.patience import SECONDS

READ = f"gunicorn {__version__}: its threaded worker is another; see {__file__}"


class Recorder(ThreadWorker):
    """gunicorn's worker, of which a test sees when its loop calls what an agent's worker overrides."""

    def __init__(self, listener: socket.socket, kept: int) -> None:
        config = Config()
        super().__init__(1, os.getppid(), [listener], None, 30, config, Logger(config))  # type: ignore[no-untyped-call]
        self.accepted, self.swept, self.handled = threading.Event(), threading.Event(), threading.Event()
        self.again = threading.Event()
        self.taken: list[object] = []
        self.kept = kept  # how many questions have a next one on their connection
        # As `init_process` does, which also loads an application and changes this process.
        self.tpool = self.get_thread_pool()  # type: ignore[no-untyped-call]
        self.poller = selectors.DefaultSelector()
        self.loop = threading.Thread(target=ThreadWorker.run, args=(self,))
        self.method_queue.init()

    def accept(self, listener: Any) -> None:
        """Note that somebody has connected, as an agent's worker is told."""
        line, peer = listener.accept()
        self.accepted.set()
        self.nr_conns += 1
        conn = TConn(self.cfg, line, peer, listener.getsockname())
        conn.parser = http.get_parser(self.cfg, line, peer)
        self.enqueue_req(conn)  # type: ignore[no-untyped-call]

    def murder_pending(self) -> None:
        """Note that it is time to end what took too long."""
        self.swept.set()
        super().murder_pending()  # type: ignore[no-untyped-call]

    def handle(self, conn: TConn) -> bool:
        """Note who has a thread, and be done with him."""
        self.taken.append((conn.sock.getpeername(), threading.current_thread() is not self.loop))
        self.handled.set()
        if self.kept:
            conn.sock.setblocking(True)
            conn.sock.recv(1)
        return len(self.taken) <= self.kept

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Note that somebody has a next question, who waited for it without a thread."""
        assert (client, list(self.keepalived_conns)) == (conn.sock, [conn])
        self.again.set()
        super().on_client_socket_readable(conn, client)  # type: ignore[no-untyped-call]


@contextmanager
def at_work(kept: int = 0) -> Iterator[tuple[Recorder, socket.socket]]:
    """Run gunicorn's own loop, with one who has connected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = Recorder(listener, kept)
        worker.loop.start()
        try:
            with socket.create_connection(listener.getsockname(), SECONDS) as line:
                yield worker, line
        finally:
            worker.alive = False
            worker.method_queue.defer(lambda: None)
            worker.loop.join(SECONDS)
            worker.tmp.close()


def test_the_loop_tells_the_worker_who_connects_and_each_second_that_time_goes_by() -> None:
    with at_work() as (worker, _):
        assert worker.accepted.wait(SECONDS), READ
        assert worker.swept.wait(SECONDS), READ


def test_who_is_handed_on_has_a_thread_and_counts_until_it_is_done() -> None:
    with at_work() as (worker, line):
        assert worker.handled.wait(SECONDS), READ
        assert worker.taken == [(line.getsockname(), True)], READ
        assert line.recv(1) == b"", READ
    assert worker.nr_conns == 0, READ


def test_the_loop_tells_the_worker_who_has_a_next_question() -> None:
    with at_work(kept=1) as (worker, line):
        line.sendall(b"x")
        assert worker.handled.wait(SECONDS), READ
        assert not worker.again.is_set(), READ
        line.sendall(b"x")
        assert worker.again.wait(SECONDS), READ
        assert line.recv(1) == b"", READ
        assert worker.taken == [(line.getsockname(), True)] * 2, READ
    assert worker.nr_conns == 0, READ


def test_a_connection_with_a_parser_shakes_hands_no_more() -> None:
    """Else the thread of who has shown his certificate would wait for another handshake."""
    config = Config()
    config.set("certfile", "/a/certificate")
    assert config.is_ssl, READ
    one, other = socket.socketpair()
    with one, other:
        conn = TConn(config, one, ("192.0.2.1", 1), ("192.0.2.2", 2))
        conn.parser = parser = http.get_parser(config, one, ("192.0.2.1", 1))
        conn.init()
        assert (conn.sock, conn.parser) == (one, parser), READ


@pytest.mark.parametrize(
    ("called", "by"),
    [
        (ThreadWorker.run, ["self"]),
        (ThreadWorker.accept, ["self", "listener"]),
        (ThreadWorker.murder_pending, ["self"]),
        (ThreadWorker.murder_keepalived, ["self"]),
        (ThreadWorker.on_client_socket_readable, ["self", "conn", "client"]),
        (ThreadWorker.enqueue_req, ["self", "conn"]),
        (TConn.__init__, ["self", "cfg", "sock", "client", "server"]),
        (http.get_parser, ["cfg", "source", "source_addr"]),
        (ssl_context, ["conf"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_what_is_called_or_overridden_takes_what_it_took(called: Callable[..., object], by: list[str]) -> None:
    assert list(inspect.signature(called).parameters)[: len(by)] == by, READ
    needed = [each for each in inspect.signature(called).parameters.values() if each.default is each.empty]
    assert len(needed) == len(by), READ


def test_the_agents_worker_overrides_what_gunicorn_has() -> None:
    """Under their names, or they would never be called."""
    own = {name for name in vars(Worker) if callable(getattr(Worker, name)) and hasattr(ThreadWorker, name)}
    assert own >= {"run", "accept", "murder_pending", "enqueue_req"}, READ
