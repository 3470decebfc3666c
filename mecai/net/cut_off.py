"""A deadline that acts from outside: what is connected is shut down at that moment, whatever is being done with it.

The timeout of a socket is none: it begins anew with each octet that arrives, and inside one call OpenSSL reads on for
as long as records come that it skips (HelloRequests, in TLS 1.2). Every handshake and every exchange of this project
happens inside `cut_off`.
"""

import math
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

from mecai.service.background import start_without_signals
from mecai.service.deadline import Deadline

# struct linger: on, 0 s. Who closes then leaves nothing behind, and a peer that is stuck in sending learns of it.
_RESET: Final = struct.pack("ii", 1, 0)


class HasDescriptor(Protocol):
    """A socket, of `socket`, `ssl` or pyOpenSSL."""

    def fileno(self) -> int:
        """Return its descriptor."""
        ...


@dataclass(eq=False)
class _Cut:
    """What is shut down, when (on the monotonic clock), and whether that was done."""

    descriptor: int
    at: float
    made: bool = False

    def make(self) -> None:
        """Shut it down; this waits for nobody."""
        self.made = True
        line = socket.socket(fileno=self.descriptor)  # takes no other descriptor: there may be none left
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            line.shutdown(socket.SHUT_RDWR)
        line.detach()


class _Watch:
    """The cuts of this process, made by one thread: one for each connection would cost as much as its handshake."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as the child of a fork must: cuts, lock and thread are its parent's."""
        self._armed: set[_Cut] = set()
        self._changed = threading.Condition()
        self._next = math.inf  # when the thread looks again
        self._thread: threading.Thread | None = None

    @contextmanager
    def armed(self, cut: _Cut) -> Iterator[None]:
        """Make the cut in its time, unless what is inside has ended by then."""
        try:
            with self._changed:
                self._armed.add(cut)
                self._start()
                if cut.at < self._next:
                    self._changed.notify()
            yield
        finally:
            with self._changed:  # it is being made, or never will be
                self._armed.discard(cut)

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._run, name="cut-off", daemon=True)
        start_without_signals(thread)
        self._thread = thread

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for cut in [each for each in self._armed if each.at <= now]:
                    self._armed.discard(cut)
                    cut.make()
                self._next = min((each.at for each in self._armed), default=math.inf)
                self._changed.wait(None if self._next == math.inf else self._next - now)


_WATCH: Final = _Watch()
os.register_at_fork(after_in_child=_WATCH.renew)


@contextmanager
def cut_off(connected: HasDescriptor, deadline: Deadline) -> Iterator[None]:
    """Shut `connected` down at the deadline; raises `TimeoutError` then, whatever that looked like inside."""
    at = time.monotonic() + deadline.require()
    # A descriptor of its own: nothing inside can close it, so that the cut never meets somebody else's connection.
    cut = _Cut(os.dup(connected.fileno()), at)
    try:
        with _WATCH.armed(cut):
            yield
    except Exception as error:
        if cut.made:
            raise TimeoutError("timed out") from error
        raise
    finally:
        os.close(cut.descriptor)
    if cut.made:
        raise TimeoutError("timed out")
