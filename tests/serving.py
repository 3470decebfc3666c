"""Servers of Python's own library that a test plays: they serve in a thread, until a block ends."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.patience import SECONDS

_LOOK_SECONDS = 0.01  # how soon a server sees that it is to end


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve what is asked of a server that listens already; it is closed afterwards."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(SECONDS)
