"""Who stands between a client and a server on loopback: a relay of one connection, which may listen."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from tests.patience import SECONDS

Heard = Callable[[bool, bytes], object]  # told whether the client said it, and what


@contextmanager
def relay(
    port: int, heard: Heard = lambda _client, _octets: None, greet: Callable[[socket.socket], object] = lambda _: None
) -> Iterator[int]:
    """Accept one connection, `greet` who came, then pass everything on to a port of 127.0.0.1; yields its own.

    What both sides say is `heard` in its order. Whoever leaves the block waits until both have ended.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)

        def meet() -> None:
            with suppress(OSError):
                near, _ = listener.accept()
                with near, socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as far:
                    greet(near)
                    back = threading.Thread(target=_pass_on, args=(far, near, partial(heard, False)), daemon=True)
                    back.start()
                    _pass_on(near, far, partial(heard, True))
                    back.join(SECONDS)

        thread = threading.Thread(target=meet, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(SECONDS)


def _pass_on(here: socket.socket, there: socket.socket, heard: Callable[[bytes], object]) -> None:
    with suppress(OSError):  # one of them has gone
        while octets := here.recv(65536):
            heard(octets)
            there.sendall(octets)
    with suppress(OSError):  # whether it ended or was reset: the other side waits for nothing more
        there.shutdown(socket.SHUT_WR)
