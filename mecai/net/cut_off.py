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
from contextlib import AbstractContextManager, suppress
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


class _Cut:
    """Shuts `connected` down `at` a moment of the monotonic clock, unless what is done inside has ended by then."""

    def __init__(self, connected: HasDescriptor, at: float) -> None:
        self.at = at
        self._connected = connected
        self._made = False

    def __enter__(self) -> None:
        # A descriptor of its own: nothing inside can close it, so that the cut never meets somebody else's connection.
        self._descriptor = os.dup(self._connected.fileno())
        try:
            _WATCH.arm(self)
        except BaseException:
            self._end()
            raise

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._end()
        if self._made and (error is None or isinstance(error, Exception)):
            raise TimeoutError("timed out") from error

    def _end(self) -> None:
        try:
            _WATCH.disarm(self)
        finally:
            os.close(self._descriptor)

    def make(self) -> None:
        """Shut it down; this waits for nobody."""
        self._made = True
        line = socket.socket(fileno=self._descriptor)  # takes no other descriptor: there may be none left
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
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._next = math.inf  # when the thread looks again
        self._thread: threading.Thread | None = None

    def arm(self, cut: _Cut) -> None:
        """Make the cut in its time."""
        with self._lock:
            self._armed.add(cut)
            self._start()
            if cut.at < self._next:
                self._changed.notify()

    def disarm(self, cut: _Cut) -> None:
        """Return once the cut is made, or never will be."""
        with self._lock:
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


def cut_off(connected: HasDescriptor, deadline: Deadline) -> AbstractContextManager[None]:
    """Shut `connected` down at the deadline; raises `TimeoutError` then, whatever that looked like inside."""
    return _Cut(connected, time.monotonic() + deadline.require())
