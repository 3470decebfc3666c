"""TLS sockets with a gate: what `VoucherContext.wrap_socket` returns.

Reading or writing before the handshake runs it first, as `ssl` itself would do silently. Where TLS is gone (a shutdown,
`unwrap`, a failed or refused handshake), before the verdict or after it, nothing passes any more: `ssl` itself would go
on in the clear. The one way around is the descriptor that `fileno` tells, which event loops must know.
"""

import socket
import ssl
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mecai.client.gate import NOBODY, Gate, Peer, not_connected, told_end
from mecai.client.verdict import Refused
from mecai.net.cut_off import cut_off
from mecai.service.deadline import Deadline

if TYPE_CHECKING:
    from socket import _SendableFile as SendableFile

    from _typeshed import ReadableBuffer, WriteableBuffer


_DRAINED: Final = 65536  # octets at once


class VoucherSocket(Gate, ssl.SSLSocket):
    """A TLS socket whose peer somebody has vouched for."""

    def do_handshake(self, block: bool = False) -> None:
        """As `ssl.SSLSocket.do_handshake`; raises `Refused` and closes the connection if the verdict is against it."""
        try:
            self.begin(self._peer())
            self._pass(partial(self._shake_hands, block), self._patience())
        except Refused:
            self.close()
            raise

    def _shake_hands(self, block: bool) -> None:
        """Shake hands within the program's timeout, whatever comes meanwhile; who says `within` bounds it himself.

        What `ssl` makes of a timeout ends no call in which OpenSSL reads on and on (`mecai.net.cut_off`).
        """
        timeout = self.gettimeout()
        with cut_off(self, Deadline(timeout)) if timeout and not told_end.get() else nullcontext():
            super().do_handshake(block)

    def _patience(self) -> Deadline:
        """How long others may be waited for: no longer than for the peer, half of what is left for all."""
        timeout = self.gettimeout()
        own = Deadline(self.patience if timeout is None else min(timeout, self.patience))
        told = told_end.get()
        return told.share(2).within(own.left()) if told else own

    def _peer(self) -> Peer:
        place = self.getpeername()
        return (place[0], place[1]) if isinstance(place, tuple) else NOBODY

    def _require_verdict(self) -> None:
        if self._sslobj is None:
            raise not_connected()
        if not self._open:
            self.do_handshake()

    def detach(self) -> int:
        """As `socket.socket.detach`, but of a connection that has ended, with nothing left to read."""
        with suppress(OSError):  # not connected, which is as good
            self.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # nothing left
            self.setblocking(False)
            while socket.socket.recv(self, _DRAINED):
                pass
        return super().detach()

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
