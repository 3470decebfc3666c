"""What the proxy shows a browser in the place of a site: a certificate of its name, made when it is first asked for.

All have one key, which is made with the process and ends with it: Python reads keys from files alone, and this one is a
file in memory (memfd_create(2)) for as long as that takes.
"""

import logging
import os
import ssl
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.client.proxy.authority import LocalAuthority
from mecai.client.proxy.head import Declined
from mecai.client.proxy.tunnel import Near
from mecai.service.pem import key_pem

LOG: Final = logging.getLogger(__name__)
NAMES: Final = 256  # host names; the one that was asked for longest ago goes first
_AHEAD: Final = timedelta(hours=1)  # before its end a certificate is made anew
PROTOCOLS: Final = ("http/1.1",)  # ALPN: the same is asked of the site


class Leaves:
    """TLS contexts by host name, for one event loop."""

    def __init__(self, authority: LocalAuthority, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._authority, self._clock = authority, clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._made: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()

    def context(self, name: str) -> ssl.SSLContext:
        """Return the context of a server of this host name; raises `Declined` when the authority's time is over."""
        until, context = self._made.pop(name, (self._clock(), None))
        if context is None or until <= self._clock():
            until, context = self._make(name)
        self._made[name] = until, context
        while len(self._made) > NAMES:
            self._made.popitem(last=False)
        return context

    def _make(self, name: str) -> tuple[datetime, ssl.SSLContext]:
        now, end = self._clock(), self._authority.certificate.not_valid_after_utc
        if now >= end:
            over = f"this proxy's authority was valid until {end:%Y-%m-%d}; start the proxy anew, it says what to do"
            LOG.warning("%s", over)  # browsers show their person nothing of a tunnel that was declined
            raise Declined(HTTPStatus.SERVICE_UNAVAILABLE, over)
        leaf = self._authority.certify(name, self._key.public_key(), now)
        chain = (leaf, self._authority.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = Near
        _load(context, b"".join(each.public_bytes(Encoding.PEM) for each in chain) + key_pem(self._key))
        context.set_alpn_protocols(PROTOCOLS)
        return leaf.not_valid_after_utc - _AHEAD, context


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Load a chain and its key, which come to no disk."""
    with os.fdopen(os.memfd_create("leaf", os.MFD_CLOEXEC), "wb") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
