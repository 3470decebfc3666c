"""Custom extensions of a TLS client: what a ClientHello says besides, and what the server answers.

Two kinds, after docs/spec (voucher stapling): one extension that the server may answer, in the TLS 1.2 ServerHello or
in the end entity's CertificateEntry of TLS 1.3, and one that it must not answer. What is sent and received hangs on an
`Exchange`, one per connection; OpenSSL finds it by the connection's `SSL *`.

OpenSSL calls back from inside a handshake, in whatever thread runs it. The callbacks live as long as this module, take
the interpreter lock, and let no exception into C.
"""

import ctypes
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from mecai.tls.library import (
    SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE,
    SSL_EXT_CLIENT_HELLO,
    SSL_EXT_TLS1_2_SERVER_HELLO,
    SSL_EXT_TLS1_3_CERTIFICATE,
    SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
    SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST,
    SSL_EXT_TLS1_3_SERVER_HELLO,
    TLSEXT_STATUSTYPE_OCSP,
    AddCallback,
    ParseCallback,
    UnsupportedRuntimeError,
    library,
)
from mecai.tls.pointers import Connection, connection_pointer, context_pointer
from mecai.tls.session import Session

if TYPE_CHECKING:
    from ctypes import _Pointer

    from mecai.tls.verified import Verified

_ANSWERED_IN = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE
_SEEN_IN = (  # every server message: OpenSSL would otherwise answer a stray one with another alert than ours
    _ANSWERED_IN
    | SSL_EXT_TLS1_3_SERVER_HELLO
    | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS
    | SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST
)
_DECODE_ERROR: Final = int(ssl.AlertDescription.ALERT_DESCRIPTION_DECODE_ERROR)
_INTERNAL_ERROR: Final = int(ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR)
_UNSUPPORTED_EXTENSION: Final = int(ssl.AlertDescription.ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION)
_SENT, _NOT_SENT, _PARSED, _FATAL = 1, 0, 1, -1


class Exchange:
    """The custom extensions of one connection.

    `offer` maps extension types to the octets that every ClientHello of the connection carries; `answer` is what the
    server answered, or None. One that is not `readable` ends the handshake with `decode_error`; `ended` tells that it
    did. Whoever runs the handshake keeps the exchange; when he lets go, OpenSSL finds it no more.

    Sessions that the server gives (`mecai.tls.sessions`) go to whoever says `keep_sessions`. `known` is a chain that
    need not be verified again, `verified` the one that was shown and is sound (`mecai.tls.verifying`).
    """

    def __init__(self, offer: Mapping[int, bytes], readable: Callable[[bytes], bool] = lambda _answer: True) -> None:
        self.offer = dict(offer)
        self.readable = readable
        self.answer: bytes | None = None
        self.ended = False
        self.known: Verified | None = None
        self.verified: Verified | None = None
        self._given: Session | None = None
        self._keep: Callable[[Session], None] | None = None

    def give(self, session: Session) -> None:
        """Hand over a session; the last one waits until somebody wants it."""
        if self._keep:
            self._keep(session)
        else:
            self._given = session

    def keep_sessions(self, keep: Callable[[Session], None]) -> None:
        """Have `keep` called, in whatever thread reads, with each session that comes, and that came last."""
        self._keep = keep
        if given := self._given:
            self._given = None
            keep(given)


# By `SSL *`. Weak, so that it does not grow. An exchange that somebody keeps may outlive its `SSL`, and a later one at
# the same address would inherit it: every connection of a context that was taught anything has one of its own.
_exchanges: WeakValueDictionary[int, Exchange] = WeakValueDictionary()


def install(context: ssl.SSLContext, *, answered: int, unanswered: int) -> None:
    """Teach `context` the two extension types and to ask for an OCSP staple; once, before its first connection.

    Raises `UnsupportedRuntimeError`.
    """
    pointer = context_pointer(context)
    openssl = library()
    done = (
        openssl.SSL_CTX_add_custom_ext(pointer, answered, _ANSWERED_IN, _ADD, None, None, _RECEIVE, None) == 1
        and openssl.SSL_CTX_add_custom_ext(pointer, unanswered, _SEEN_IN, _ADD, None, None, _REFUSE, None) == 1
        and openssl.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, TLSEXT_STATUSTYPE_OCSP, None) == 1
    )
    if not done:
        raise UnsupportedRuntimeError(
            f"{ssl.OPENSSL_VERSION} takes no custom extensions {answered} and {unanswered};"
            " expected a context that has none of them"
        )


def attach(connection: Connection, exchange: Exchange) -> None:
    """Let `connection`, whose handshake has not begun, send and receive through `exchange`."""
    _exchanges[connection_pointer(connection)] = exchange


def exchange_of(pointer: int) -> Exchange | None:
    """Return the exchange of the connection `SSL *`, as long as somebody keeps it."""
    return _exchanges.get(pointer)


def _add(  # noqa: PLR0917 - OpenSSL's signature
    pointer: int,
    kind: int,
    message: int,
    out: "_Pointer[ctypes.c_char_p]",
    length: "_Pointer[ctypes.c_size_t]",
    _certificate: int | None,
    _index: int,
    alert: "_Pointer[ctypes.c_int]",
    _argument: int | None,
) -> int:
    """Write one extension of a ClientHello; whatever an earlier ClientHello brought in is void."""
    try:
        exchange = _exchanges.get(pointer)
        if message != SSL_EXT_CLIENT_HELLO or exchange is None or kind not in exchange.offer:
            return _NOT_SENT
        exchange.answer = None
        out[0] = ctypes.c_char_p(exchange.offer[kind])  # copied as soon as this returns; `offer` keeps it until then
        length[0] = ctypes.c_size_t(len(exchange.offer[kind]))
    except Exception:
        alert[0] = ctypes.c_int(_INTERNAL_ERROR)
        return _FATAL
    return _SENT


def _receive(  # noqa: PLR0917 - OpenSSL's signature
    pointer: int,
    _kind: int,
    message: int,
    data: int | None,
    length: int,
    _certificate: int | None,
    index: int,
    alert: "_Pointer[ctypes.c_int]",
    _argument: int | None,
) -> int:
    """Keep the server's answer, if it can be read; in TLS 1.3 only the end entity's CertificateEntry counts."""
    try:
        exchange = _exchanges.get(pointer)
        if exchange is not None and (message == SSL_EXT_TLS1_2_SERVER_HELLO or index == 0):
            exchange.answer = ctypes.string_at(data, length) if data else b""
            exchange.ended = not exchange.readable(exchange.answer)
            if exchange.ended:
                alert[0] = ctypes.c_int(_DECODE_ERROR)
                return _FATAL
    except Exception:
        alert[0] = ctypes.c_int(_INTERNAL_ERROR)
        return _FATAL
    return _PARSED


def _refuse(
    _pointer: int,
    _kind: int,
    _message: int,
    _data: int | None,
    _length: int,
    _certificate: int | None,
    _index: int,
    alert: "_Pointer[ctypes.c_int]",
    _argument: int | None,
) -> int:
    """End the handshake of a server that answers what must not be answered (RFC 8446, 4.2)."""
    alert[0] = ctypes.c_int(_UNSUPPORTED_EXTENSION)
    return _FATAL


# What C holds: referenced here for as long as the process lives.
_ADD: Final = AddCallback(_add)
_RECEIVE: Final = ParseCallback(_receive)
_REFUSE: Final = ParseCallback(_refuse)
