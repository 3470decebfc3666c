"""Sessions of a TLS client: those that a server gives, as they come.

What `ssl` shows as `session` is what there is when it is asked for; in TLS 1.3 the server gives tickets later, with
what it says next. OpenSSL calls back for each (SSL_CTX_sess_set_new_cb(3)). It is to keep none by itself.
"""

import ssl
from typing import Final

from mecai.tls.extensions import exchange_of
from mecai.tls.library import (
    SSL_CTRL_SET_SESS_CACHE_MODE,
    SSL_SESS_CACHE_CLIENT,
    SSL_SESS_CACHE_NO_INTERNAL,
    SessionCallback,
    library,
)
from mecai.tls.pointers import context_pointer
from mecai.tls.session import Session

_NOT_TAKEN: Final = 0  # the reference that the callback was handed


def install_sessions(context: ssl.SSLContext) -> None:
    """Have sessions of the connections of `context` handed to their exchanges.

    Raises `UnsupportedRuntimeError`.
    """
    pointer, openssl = context_pointer(context), library()
    mode = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
    openssl.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_SESS_CACHE_MODE, mode, None)
    openssl.SSL_CTX_sess_set_new_cb(pointer, _NEW)


def _new(pointer: int, session: int) -> int:
    """Hand a new session to the exchange of its connection; whatever goes wrong, there is none."""
    exchange = exchange_of(pointer)
    if exchange is not None:
        exchange.give(Session(session))
    return _NOT_TAKEN


# What C holds: referenced here for as long as the process lives.
_NEW: Final = SessionCallback(_new)
