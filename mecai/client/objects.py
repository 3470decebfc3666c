"""The same gate for programs that do their own input and output (asyncio, anyio): what `wrap_bio` returns."""

import ssl
from typing import TYPE_CHECKING, Any

from mecai.client.gate import NOBODY, Gate, Peer, told_deferred
from mecai.service.deadline import Deadline

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class VoucherObject(Gate, ssl.SSLObject):
    """TLS over memory, with a peer whom somebody has vouched for."""

    _waits = False

    def begin(self, seen: Peer = NOBODY) -> None:
        """As `Gate.begin`; where others have to be waited for, whoever promised it judges."""
        super().begin(seen)
        if self.patience:
            self._waits = self._waits or told_deferred.get()

    def do_handshake(self) -> None:
        """As `ssl.SSLObject.do_handshake`; raises `Refused` if the verdict is against the connection."""
        self.begin()
        if not (self._waits and self.verdict is None):
            self._pass(super().do_handshake, Deadline(0))
        elif not self._shake(super().do_handshake):
            self.settle(self.judge(Deadline(0)))  # nobody has to be waited for to say so

    def read(self, len: int = 1024, buffer: "WriteableBuffer | None" = None) -> Any:  # noqa: A002, ANN401 - ssl's own
        """As `ssl.SSLObject.read`."""
        self._require_verdict()
        return super().read(len, buffer)

    def write(self, data: "ReadableBuffer") -> int:
        """As `ssl.SSLObject.write`."""
        self._require_verdict()
        return super().write(data)

    def _require_verdict(self) -> None:
        if not self._open:
            self.do_handshake()
        if not self._open:
            raise ssl.SSLWantReadError("no verdict yet")
