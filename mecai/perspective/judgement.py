"""By what those who connect to an agent are judged: whom its private CA certified, and did not revoke."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.net.revocations import Guarded
from mecai.tls import bound_certificates

LOG = logging.getLogger(__name__)
MOST_CERTIFICATES: Final = 4096  # octets that a client shows of them; a VAS shows one, of some 700
READ_SECONDS: Final = 10.0  # that a thread waits for a client's next octets, or for him to take some
_GROUP: Final = "X25519"  # which every client of an agent has; another would be a stranger's choice, and dearer


class Line(ssl.SSLSocket):
    """A connection that waits for a while only, also in gunicorn's threads, which make it blocking."""

    def setblocking(self, flag: bool) -> None:
        """Wait for `READ_SECONDS`, or not at all."""
        self.settimeout(READ_SECONDS if flag else 0)


class Judgement:
    """The context for the next connection, as `Guarded` makes it of what gunicorn makes."""

    def __init__(self, make: Callable[[], ssl.SSLContext], lists: Path | None) -> None:
        self._tls = Guarded(lambda: _own(make()), lists)
        self._fault = ""

    def context(self) -> ssl.SSLContext | None:
        """Return it, None where nobody could be believed; the log is told once why."""
        try:
            tls, fault = self._tls.context(), ""
        except HostError as error:
            tls, fault = None, str(error)
        if fault != self._fault:
            self._fault = fault
            LOG.error("nobody is let in: %s", fault) if fault else LOG.info("clients are let in again")
        return tls


def _own(tls: ssl.SSLContext) -> ssl.SSLContext:
    """Settle what gunicorn leaves open; without tickets, each connection is judged by itself."""
    tls.set_ecdh_curve(_GROUP)
    tls.sslsocket_class = Line
    tls.options |= ssl.OP_NO_TICKET
    tls.num_tickets = 0
    bound_certificates(tls, MOST_CERTIFICATES)
    return tls
