"""A gunicorn worker whose threads are for those alone who have shown a certificate of the VA's private CA.

gunicorn's own threads wait for whoever connects to shake hands, for as long as he likes: as many strangers as there are
threads, each with one octet, would silence an agent. Here connections shake hands in the worker's loop, which waits for
none of them, and a thread is given one that is through. All who are at it are bounded in number and time; where they
are too many, who came first goes first, for an honest client is through in a moment (ADR 0052).

A connection waits for its next question in the loop, too, without a thread. It has an answer where it was let in a
short while ago, by the lists that hold now; else it ends, and whoever asks shakes hands anew (ADR 0066).
"""

import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import Any, Final

from gunicorn import http
from gunicorn.sock import ssl_context
from gunicorn.workers.gthread import TConn, ThreadWorker

from mecai.net.kept import AGE_SECONDS
from mecai.perspective.config import PerspectiveConfig
from mecai.perspective.judgement import Judgement
from mecai.perspective.serve import VARIABLE
from mecai.service.deadline import Deadline
from mecai.service.settings import read_settings

MOST_ARRIVING: Final = 256  # connections that shake hands at the same time
HANDSHAKE_SECONDS: Final = 3.0
_CHUNK: Final = 16 * 1024  # octets


@dataclass(frozen=True)
class _Arrival:
    """A connection that shakes hands, between two addresses."""

    line: ssl.SSLSocket
    peer: Any
    server: Any
    deadline: Deadline


class _Guest(TConn):
    """A connection of one who was let in, and how long he stays so. With a parser, it shakes hands no more."""

    def __init__(self, cfg: Any, arrival: _Arrival) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(cfg, arrival.line, arrival.peer, arrival.server)  # type: ignore[no-untyped-call]
        self.parser = http.get_parser(cfg, arrival.line, arrival.peer)
        self.deadline = Deadline(AGE_SECONDS)


class Worker(ThreadWorker):
    """Named to gunicorn by `mecai.perspective.serve`; its base calls what is overridden here, in its loop."""

    poller: BaseSelector  # made before `run`

    def run(self) -> None:
        """Serve until ended."""
        config = read_settings(Path(os.environ[VARIABLE]), PerspectiveConfig)
        self.prepare(lambda: ssl_context(self.cfg), config)
        super().run()  # type: ignore[no-untyped-call]

    def prepare(self, make: Callable[[], ssl.SSLContext], config: PerspectiveConfig) -> None:
        """Take what connections are received with; made again where the CA's lists are others."""
        self._judgement = Judgement(make, config.crl)
        self._clients = config.clients
        self._arriving: dict[ssl.SSLSocket, _Arrival] = {}  # who came first is first

    def accept(self, listener: Any) -> None:  # noqa: ANN401 - gunicorn's
        """Let a connection begin its handshake, if it comes from where clients are."""
        with suppress(BlockingIOError, ConnectionError):
            plain, peer = listener.accept()
            with plain, suppress(OSError):  # it may have been broken meanwhile
                if self._may_come(peer[0]) and (tls := self._judgement.context()) is not None:
                    plain.setblocking(False)
                    line = tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                    self._expect(_Arrival(line, peer, listener.getsockname(), Deadline(HANDSHAKE_SECONDS)))

    def murder_pending(self) -> None:
        """End what has taken too long; called once a second at least."""
        super().murder_pending()  # type: ignore[no-untyped-call]
        for arrival in list(self._arriving.values()):
            if not arrival.deadline.left():
                self._drop(arrival.line)

    def enqueue_req(self, conn: _Guest) -> None:
        """Give a connection a thread for its question, or end it: however its octets came, this is the one way."""
        if conn.deadline.left() and conn.sock.context is self._judgement.context():
            super().enqueue_req(conn)  # type: ignore[no-untyped-call]
        else:
            self.nr_conns -= 1
            conn.close()  # type: ignore[no-untyped-call]

    def _expect(self, arrival: _Arrival) -> None:
        while len(self._arriving) >= MOST_ARRIVING:
            self._drop(next(iter(self._arriving)))
        self._arriving[arrival.line] = arrival
        self.poller.register(arrival.line, EVENT_READ, self._go_on)

    def _go_on(self, line: ssl.SSLSocket) -> None:
        """Take a step of a handshake: what was waited for is there."""
        try:
            line.do_handshake()
        except ssl.SSLWantReadError:
            self.poller.modify(line, EVENT_READ, self._go_on)
        except ssl.SSLWantWriteError:
            self.poller.modify(line, EVENT_WRITE, self._go_on)
        except OSError:
            self._part(line)
        else:
            self._seat(self._take(line))

    def _part(self, line: ssl.SSLSocket) -> None:
        """End what was refused when the peer has ended it, or its time is over, and read nothing but its end.

        Closed with octets unread it would be reset, which takes the alert away from who has not read it yet.
        """
        with suppress(OSError):
            line.shutdown(socket.SHUT_WR)  # and from here on octets are read as they are
        self.poller.modify(line, EVENT_READ, self._read_out)

    def _read_out(self, line: ssl.SSLSocket) -> None:
        try:
            more = line.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._drop(line)

    def _seat(self, arrival: _Arrival) -> None:
        """Give a connection a thread, as the base does with each."""
        self.nr_conns += 1
        self.enqueue_req(_Guest(self.cfg, arrival))

    def _take(self, line: ssl.SSLSocket) -> _Arrival:
        self.poller.unregister(line)
        return self._arriving.pop(line)

    def _drop(self, line: ssl.SSLSocket) -> None:
        self._take(line).line.close()

    def _may_come(self, peer: str) -> bool:
        address = ipaddress.ip_address(peer.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return not self._clients or any(address in network for network in self._clients)
