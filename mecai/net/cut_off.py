"""A deadline that acts from outside: what is connected is shut down at that moment, whatever is being done with it.

The timeout of a socket is none: it begins anew with each octet that arrives, and inside one call OpenSSL reads on for
as long as records come that it skips (HelloRequests, in TLS 1.2). Every handshake and every exchange of this project
happens inside `cut_off`.
"""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from mecai.service.deadline import Deadline

# struct linger: on, 0 s. Who closes then leaves nothing behind, and a peer that is stuck in sending learns of it.
_RESET: Final = struct.pack("ii", 1, 0)


class HasDescriptor(Protocol):
    """A socket, of `socket`, `ssl` or pyOpenSSL."""

    def fileno(self) -> int:
        """Return its descriptor."""
        ...


@contextmanager
def cut_off(connected: HasDescriptor, deadline: Deadline) -> Iterator[None]:
    """Shut `connected` down at the deadline; raises `TimeoutError` then, whatever that looked like inside."""
    late = threading.Event()
    try:
        with _timer(connected, deadline, late):
            yield
    except Exception as error:
        if late.is_set():
            raise TimeoutError("timed out") from error
        raise
    if late.is_set():
        raise TimeoutError("timed out")


@contextmanager
def _timer(connected: HasDescriptor, deadline: Deadline, late: threading.Event) -> Iterator[None]:
    """Set `late` and shut down at the deadline, unless what is inside has ended by then."""
    # A descriptor of its own: nothing inside can close it, so that the cut never meets somebody else's connection.
    with socket.socket(fileno=os.dup(connected.fileno())) as line:
        timer = threading.Timer(deadline.require(), _cut, (line, late))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _cut(line: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        line.shutdown(socket.SHUT_RDWR)
