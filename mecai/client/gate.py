"""The gate of a connection: no application byte passes before the verdict (docs/spec, C6).

Connections judge at the end of `do_handshake`. In a private network (M4) a judgement may have to wait for an OCSP
responder: what blocks waits within its own timeout; what never blocks does not, unless whoever opened it fetches the
verdict (`deferred`). Whoever opens a connection may say more of it than the connection knows: `peer`, `within`.
"""

import errno
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

from mecai.client.attempt import Attempt, Demanding
from mecai.client.verdict import Outcome, Refused, Verdict
from mecai.service.deadline import Deadline
from mecai.tls import Connection, Facts, read_facts

Peer = tuple[str | None, int | None]  # address and port, as far as they are known
NOBODY: Peer = (None, None)
_told: ContextVar[Peer | None] = ContextVar("_told", default=None)
told_end: ContextVar[Deadline | None] = ContextVar("told_end", default=None)
told_deferred: ContextVar[bool] = ContextVar("told_deferred", default=False)


@contextmanager
def peer(address: str | None, port: int | None = None) -> Iterator[None]:
    """Say where the connections that begin inside lead; None: that is not known, as behind a proxy.

    A socket knows its peer. asyncio's TLS does not, and the peer of a proxied socket is the proxy. The port is for what
    an authority is told or asked (reports, direct mode), and no verdict on vouchers that came depends on it.
    """
    token = _told.set((address, port))
    try:
        yield
    finally:
        _told.reset(token)


@contextmanager
def reached(address: str | None, port: int | None = None) -> Iterator[None]:
    """Say as `peer` does where a connection leads, as an adapter sees it: what the program says goes before."""
    with peer(*(_told.get() or (address, port))):
        yield


@contextmanager
def within(deadline: Deadline) -> Iterator[None]:
    """Bound what the connections that are judged inside may wait for, besides their own timeout."""
    token = told_end.set(deadline)
    try:
        yield
    finally:
        told_end.reset(token)


@contextmanager
def deferred() -> Iterator[None]:
    """Promise `settle` to each `VoucherObject` that begins inside and is left without a verdict."""
    token = told_deferred.set(True)
    try:
        yield
    finally:
        told_deferred.reset(token)


class Gate:
    """What both kinds of connection share. `verdict` is None until the handshake is over."""

    context: ssl.SSLContext
    server_hostname: str | None
    verdict: Verdict | None = None
    _sslobj: Connection | None
    _attempt: Attempt | None = None
    _facts: Facts | None = None
    _open = False

    @property
    def patience(self) -> float:
        """How many seconds its judgement may wait for others at most."""
        return self._attempt.patience if self._attempt else 0.0

    def begin(self, seen: Peer = NOBODY) -> None:
        """Attach the demand to the connection, once, before its first octet."""
        if self._attempt is None and self._sslobj is not None:
            context = cast("Demanding", self.context)
            self._attempt = context.begin(self._sslobj, self.server_hostname, *(_told.get() or seen))

    def _pass(self, handshake: Callable[[], None], deadline: Deadline) -> None:
        """Go on with a handshake and judge at its end; raises `Refused`, also whenever asked again."""
        self._shake(handshake)
        self.settle(self.verdict or self.judge(deadline))

    def _shake(self, handshake: Callable[[], None]) -> bool:
        """Go on with a handshake, whose errors this raises; False: what came could not be read, and ended it.

        That (T4, T7) is a verdict like another.
        """
        whole = True
        try:
            handshake()  # raises until it is over
        except ssl.SSLError:
            if self._attempt is None or not self._attempt.exchange.ended:
                raise
            whole = False
        if self._facts is None:
            if self._sslobj is None:  # another thread shut it down meanwhile
                raise not_connected()
            self._facts = read_facts(self._sslobj)
        return whole

    def judge(self, deadline: Deadline) -> Verdict:
        """Return the verdict on a connection whose handshake is over; nothing passes before `settle`."""
        if self._attempt is None or self._facts is None:
            raise not_connected()
        return cast("Demanding", self.context).judge(self._attempt, self._facts, deadline)

    def settle(self, verdict: Verdict) -> None:
        """Open the gate, or raise `Refused`."""
        self.verdict = verdict
        if verdict.outcome is Outcome.REFUSED:
            raise Refused(verdict)
        self._open = True


def not_connected() -> OSError:
    """Return what a use of a connection without TLS raises."""
    return OSError(errno.ENOTCONN, f"{os.strerror(errno.ENOTCONN)}: no TLS, before the verdict or any more")
