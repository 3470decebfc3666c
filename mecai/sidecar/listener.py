"""Where Prometheus asks: one connection at a time, each for a few seconds.

Any user of the machine can connect on loopback. One that says nothing delays the others; it takes no more of the
service than one place.
"""

import logging
import socket
import sys
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

LOG = logging.getLogger(__name__)

SECONDS: Final = 4.0  # for a connection, from its beginning to its end; Prometheus waits ten by default


class Listener(WSGIServer):
    """Answers with what a registry collects, in a thread of its own."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        """Begin to listen; raises `OSError`."""
        self.address_family = socket.AF_INET if ip_address(host).version == 4 else socket.AF_INET6  # noqa: PLR2004
        super().__init__((host, port), _Handler)
        self.set_app(make_wsgi_app(registry))
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no longer; a connection is waited for, `SECONDS` at most."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base
        """Answer, or end the connection where that takes too long."""
        timer = threading.Timer(SECONDS, _cut, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().finish_request(request, client_address)
        finally:
            timer.cancel()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base
        """Go on: a peer that went away is no fault of this program, and anything else is for a closer look."""
        del request, client_address
        LOG.debug("metrics not told: %r", sys.exception())


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing: that somebody asks is no news."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it is over already
        connection.shutdown(socket.SHUT_RDWR)
