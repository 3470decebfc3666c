"""One connection of a server: what its client asks for, and what is stapled for it (docs/spec T3, T4, T6, T7)."""

import ssl
from collections.abc import Sequence
from typing import Final

from mecai.errors import Malformed
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from mecai.protocol.limits import LIMITS
from mecai.server.choose import choose
from mecai.server.staples import StapleDirectory
from mecai.tls import Alert

_ALERTS: Final = {
    "decode_error": ssl.AlertDescription.ALERT_DESCRIPTION_DECODE_ERROR,
    "illegal_parameter": ssl.AlertDescription.ALERT_DESCRIPTION_ILLEGAL_PARAMETER,
}
_STAPLE_OVERHEAD: Final = 8  # octets: extension type and length, status type, length of the response


class ConnectionStapler:
    """Staples for one connection (`mecai.tls.Stapler`); `addresses` are where its client may see this server."""

    def __init__(self, staples: StapleDirectory, addresses: Sequence[bytes], most: int) -> None:
        self._staples, self._addresses, self._most = staples, addresses, most
        self._request: RequestExtension | None = None
        self._stapled = 0  # octets; in TLS 1.3 they share one CertificateEntry with the answer

    def read(self, kind: int, data: bytes) -> None:
        """As `mecai.tls.Stapler.read`; a `voucher` that is not empty may mean something else to who asks for none."""
        if kind == VOUCHER_REQUEST:
            self._request = None
            try:
                self._request = RequestExtension.decode(data)
            except Malformed as error:
                word, _, detail = error.detail.partition(": ")
                raise Alert(_ALERTS[word], f"voucher_request: {detail}") from error
        elif data and self._request:
            raise Alert(_ALERTS["decode_error"], "voucher of a client is not empty")

    def staple(self, certificate: bytes) -> bytes | None:
        """As `mecai.tls.Stapler.staple`."""
        folder = self._staples.find(certificate)
        item = folder.ocsp if folder else None
        if item is None or item.next_update <= self._staples.clock():
            return None
        self._stapled = len(item.der) + _STAPLE_OVERHEAD
        return item.der

    def answer(self, certificate: bytes) -> bytes | None:
        """As `mecai.tls.Stapler.answer`."""
        folder = self._staples.find(certificate) if self._request else None
        if folder is None or self._request is None:
            return None
        room = min(self._most, LIMITS.staple_size - self._stapled)
        return choose(self._request, folder.vouchers, self._addresses, self._staples.clock(), room)
