"""Connections with a gate: no application byte passes before the verdict (docs/spec, C6).

`VoucherSocket` is what `VoucherContext.wrap_socket` returns, `VoucherObject` what `wrap_bio` returns (asyncio, anyio).
Both judge at the end of `do_handshake`. Reading or writing before it runs it first, as `ssl` itself would do silently.
Where TLS is gone before the verdict (a shutdown, a failed or refused handshake), nothing passes at all: `ssl` itself
would go on in the clear.
"""

import errno
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from mecai.client.attempt import Attempt, Demanding
from mecai.client.verdict import Outcome, Refused, Verdict
from mecai.tls import Connection

if TYPE_CHECKING:
    from socket import _SendableFile as SendableFile

    from _typeshed import ReadableBuffer, WriteableBuffer

_told: ContextVar[tuple[str | None] | None] = ContextVar("_told", default=None)


@contextmanager
def peer(address: str | None) -> Iterator[None]:
    """Say where the connections that begin inside lead; None: that is not known, as behind a proxy.

    A socket knows its peer. asyncio's TLS does not, and the peer of a proxied socket is the proxy.
    """
    token = _told.set((address,))
    try:
        yield
    finally:
        _told.reset(token)


class _Gate:
    """What both kinds of connection share. `verdict` is None until the handshake is over."""

    context: ssl.SSLContext
    server_hostname: str | None
    verdict: Verdict | None = None
    _sslobj: Connection | None
    _attempt: Attempt | None = None
    _open = False

    def begin(self, peer_address: str | None = None) -> None:
        """Attach the demand to the connection, once, before its first octet."""
        if self._attempt is None and self._sslobj is not None:
            told = _told.get()
            context = cast("Demanding", self.context)
            self._attempt = context.begin(self._sslobj, self.server_hostname, told[0] if told else peer_address)

    def _pass(self, handshake: Callable[[], None]) -> None:
        """Go on with a handshake and judge at its end; raises `Refused`, also whenever asked again."""
        handshake()  # raises until it is over
        if self.verdict is None:
            if self._attempt is None or self._sslobj is None:  # another thread shut it down meanwhile
                raise _not_connected()
            self.verdict = cast("Demanding", self.context).judge(self._attempt, self._sslobj)
        if self.verdict.outcome is Outcome.REFUSED:
            raise Refused(self.verdict)
        self._open = True


class VoucherSocket(_Gate, ssl.SSLSocket):
    """A TLS socket whose peer somebody has vouched for."""

    def do_handshake(self, block: bool = False) -> None:
        """As `ssl.SSLSocket.do_handshake`; raises `Refused` and closes the connection if the verdict is against it."""
        try:
            self.begin(self._peer_address())
            self._pass(partial(super().do_handshake, block))
        except Refused:
            self.close()
            raise

    def _peer_address(self) -> str | None:
        address = self.getpeername()
        return address[0] if isinstance(address, tuple) else None

    def _require_verdict(self) -> None:
        if self._open:
            return
        if self._sslobj is None:
            raise _not_connected()
        self.do_handshake()

    def read(self, len: int = 1024, buffer: "WriteableBuffer | None" = None) -> Any:  # noqa: A002, ANN401 - ssl's own
        """As `ssl.SSLSocket.read`."""
        self._require_verdict()
        return super().read(len, buffer)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As `ssl.SSLSocket.recv`."""
        self._require_verdict()
        return super().recv(buflen, flags)

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        """As `ssl.SSLSocket.recv_into`; files made by `makefile` come here too."""
        self._require_verdict()
        return super().recv_into(buffer, nbytes, flags)

    def write(self, data: "ReadableBuffer") -> int:
        """As `ssl.SSLSocket.write`."""
        self._require_verdict()
        return super().write(data)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        """As `ssl.SSLSocket.send`."""
        self._require_verdict()
        return super().send(data, flags)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        """As `ssl.SSLSocket.sendall`."""
        self._require_verdict()
        super().sendall(data, flags)

    def sendfile(self, file: "SendableFile", offset: int = 0, count: int | None = None) -> int:
        """As `ssl.SSLSocket.sendfile`."""
        self._require_verdict()
        return super().sendfile(file, offset, count)

    # What `ssl` refuses while there is TLS, and hands to the bare socket when there is none.

    def sendto(self, *arguments: Any, **more: Any) -> int:  # noqa: ANN401 - overloaded
        """As `ssl.SSLSocket.sendto`."""
        self._require_verdict()
        return super().sendto(*arguments, **more)

    def sendmsg_afalg(self, *arguments: Any, **more: Any) -> int:  # noqa: ANN401 - socket's own
        """As `socket.socket.sendmsg_afalg`."""
        self._require_verdict()
        return super().sendmsg_afalg(*arguments, **more)

    def recvfrom(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - socket's own
        """As `ssl.SSLSocket.recvfrom`."""
        self._require_verdict()
        return super().recvfrom(*arguments, **more)

    def recvfrom_into(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - socket's own
        """As `ssl.SSLSocket.recvfrom_into`."""
        self._require_verdict()
        return super().recvfrom_into(*arguments, **more)


class VoucherObject(_Gate, ssl.SSLObject):
    """The same for programs that do their own input and output."""

    def do_handshake(self) -> None:
        """As `ssl.SSLObject.do_handshake`; raises `Refused` if the verdict is against the connection."""
        self.begin()
        self._pass(super().do_handshake)

    def read(self, len: int = 1024, buffer: "WriteableBuffer | None" = None) -> Any:  # noqa: A002, ANN401 - ssl's own
        """As `ssl.SSLObject.read`."""
        if not self._open:
            self.do_handshake()
        return super().read(len, buffer)

    def write(self, data: "ReadableBuffer") -> int:
        """As `ssl.SSLObject.write`."""
        if not self._open:
            self.do_handshake()
        return super().write(data)


def _not_connected() -> OSError:
    return OSError(errno.ENOTCONN, f"{os.strerror(errno.ENOTCONN)}: no TLS, and no verdict yet")
