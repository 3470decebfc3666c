"""TLS connections to one server that are used again: one handshake for many exchanges.

Whoever is asked again was judged in his handshake. So a connection is used no more when the context that judged him is
not the current one (`mecai.net.revocations` makes another where the lists are others), and not beyond its age, for his
certificate ends, too.
"""

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from mecai.net.dial import dial
from mecai.net.exchange import Answer, exchange
from mecai.net.handshake import shake_hands
from mecai.net.url import Target
from mecai.service.deadline import Deadline

IDLE_SECONDS: Final = 20.0  # that a connection waits for its next exchange; its server is to wait longer
AGE_SECONDS: Final = 300.0  # from before its handshake on; then no exchange begins
MOST: Final = 8  # connections that wait

Ask = Callable[[ssl.SSLSocket], Answer]


@dataclass(frozen=True)
class _Line:
    """A connection, until when an exchange may begin on it (monotonic clock), and until when if none did before."""

    secure: ssl.SSLSocket
    end: float
    idle_end: float

    def is_good(self, context: ssl.SSLContext, now: float) -> bool:
        """Tell whether another exchange may begin."""
        return self.secure.context is context and now < min(self.end, self.idle_end) and _is_silent(self.secure)


class Kept:
    """Connections to one server, which are closed with whoever has this; for many threads."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any; paths are below `target`."""
        self._target = target
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Line] = []  # the one that was used last is last
        weakref.finalize(self, _close, self._waiting)

    def exchange(
        self,
        path: str,
        context: ssl.SSLContext,
        deadline: Deadline,
        limit: int,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET what is at `path`, or POST `body` to it, with at most `limit` octets of an answer; raises `OSError`.

        What fails on a connection that was used before is tried once more on a fresh one, for the server may have ended
        it at that moment: what is asked must be such that it may be asked twice.
        """
        target = self._target.below(path)
        ask = partial(exchange, target=target, deadline=deadline, limit=limit, body=body, headers=headers, keep=True)
        if (line := self._take(context)) is not None:
            try:
                return self._ask(line, ask)
            except OSError:
                self._end()  # what ended one may have ended all
                if not deadline.left():
                    raise
        return self._ask(self._connect(context, deadline), ask)

    def _connect(self, context: ssl.SSLContext, deadline: Deadline) -> _Line:
        end = self._clock() + AGE_SECONDS
        plain = dial(self._target.host, self._target.port, deadline)
        # A question is written in two parts. The second one would wait until the server has acknowledged the first.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Line(shake_hands(plain, context, self._target.host, deadline), end, end)

    def _ask(self, line: _Line, ask: Ask) -> Answer:
        with ExitStack() as stack:
            stack.enter_context(line.secure)
            answer = ask(line.secure)
            if answer.lasting:
                stack.pop_all()
                self._keep(replace(line, idle_end=self._clock() + IDLE_SECONDS))
        return answer

    def _keep(self, line: _Line) -> None:
        with self._lock:
            self._waiting.append(line)
            ended, self._waiting[:] = self._waiting[:-MOST], self._waiting[-MOST:]
        _close(ended)

    def _take(self, context: ssl.SSLContext) -> _Line | None:
        """Return a connection that this context judged, None where none waits; ends those that are good no more."""
        with self._lock:
            now, waiting = self._clock(), self._waiting.copy()
            self._waiting[:] = good = [line for line in waiting if line.is_good(context, now)]
            taken = self._waiting.pop() if good else None
        _close([line for line in waiting if line not in good])
        return taken

    def _end(self) -> None:
        with self._lock:
            ended, self._waiting[:] = self._waiting.copy(), []
        _close(ended)


def _close(lines: list[_Line]) -> None:
    for line in lines:
        line.secure.close()


def _is_silent(secure: ssl.SSLSocket) -> bool:
    """Tell whether nothing is there to read, also for OpenSSL: who speaks unasked ends, most likely."""
    secure.setblocking(False)
    try:
        secure.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        secure.setblocking(True)
