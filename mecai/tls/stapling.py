"""Custom extensions of a TLS server: what a ClientHello asks, and what is stapled beside the certificate in use.

The other end of `mecai.tls.extensions`, on a server's `ssl.SSLContext`. Of the client's two extensions one is
answered, in the TLS 1.2 ServerHello or in the end entity's CertificateEntry of TLS 1.3; the other one says what is
wanted. What is read and stapled is up to a `Stapler`, one per connection, found by the connection's `SSL *`.

OpenSSL parses with the context that a connection began with, and answers with that which a name selected
(`sni_callback`): both are to be taught. Callbacks run inside a handshake, in whatever thread runs it. A fault in a
stapler is logged and staples nothing; only an `Alert` ends a handshake.
"""

import ctypes
import logging
import ssl
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from mecai.tls.library import (
    SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
    SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP,
    SSL_EXT_CLIENT_HELLO,
    SSL_EXT_TLS1_2_SERVER_HELLO,
    SSL_EXT_TLS1_3_CERTIFICATE,
    SSL_TLSEXT_ERR_NOACK,
    SSL_TLSEXT_ERR_OK,
    AddCallback,
    ParseCallback,
    StatusCallback,
    UnsupportedRuntimeError,
    library,
)
from mecai.tls.pointers import Connection, certificate_der, connection_pointer, context_pointer
from mecai.tls.stapler import Alert, Stapler

if TYPE_CHECKING:
    from ctypes import _Pointer
    from typing import TypeAlias

    _Text: TypeAlias = _Pointer[ctypes.c_char_p]
    _Size: TypeAlias = _Pointer[ctypes.c_size_t]
    _Code: TypeAlias = _Pointer[ctypes.c_int]

LOG = logging.getLogger(__name__)

_ANSWERED_IN: Final = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE
_SENT, _NOT_SENT, _PARSED, _FATAL = 1, 0, 1, -1


class _Spoken:
    """A stapler, and what OpenSSL copies once the callback that handed it over has returned."""

    def __init__(self, stapler: Stapler) -> None:
        self.stapler = stapler
        self.answer = b""


# By `SSL *`, weak: what owns a connection keeps its stapler, and no later `SSL` at the same address inherits it.
_spoken: WeakValueDictionary[int, _Spoken] = WeakValueDictionary()
_owned: WeakKeyDictionary[object, _Spoken] = WeakKeyDictionary()


def install_stapling(context: ssl.SSLContext, *, answered: int, wanted: int) -> None:
    """Teach the server's `context` the two extension types and live OCSP staples; once, before its first connection.

    Raises `UnsupportedRuntimeError`.
    """
    pointer, openssl = context_pointer(context), library()
    # OpenSSL parses the extensions of a ClientHello in this order.
    done = (
        openssl.SSL_CTX_add_custom_ext(pointer, wanted, SSL_EXT_CLIENT_HELLO, _NONE, None, None, _READ, None) == 1
        and openssl.SSL_CTX_add_custom_ext(pointer, answered, _ANSWERED_IN, _ADD, None, None, _READ, None) == 1
        and openssl.SSL_CTX_callback_ctrl(pointer, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, _STATUS) == 1
    )
    if not done:
        raise UnsupportedRuntimeError(
            f"{ssl.OPENSSL_VERSION} takes no custom extensions {answered} and {wanted};"
            " expected a context that has none of them"
        )


def staple_by(connection: Connection, owner: object, stapler: Stapler) -> None:
    """Let `stapler` speak for `connection`, whose handshake has not begun, for as long as its `owner` lives."""
    _owned[owner] = spoken = _Spoken(stapler)
    _spoken[connection_pointer(connection)] = spoken


def shown_certificate(context: ssl.SSLContext) -> bytes | None:
    """Return the end entity that was loaded into `context` last, in DER."""
    shown = library().SSL_CTX_get0_certificate(context_pointer(context))
    return certificate_der(shown) if shown else None


def _read(
    pointer: int, kind: int, _in: int, data: int | None, size: int, _shown: None, _at: int, alert: "_Code", _: None
) -> int:
    """Hand one extension of a ClientHello over."""
    try:
        if spoken := _spoken.get(pointer):
            spoken.stapler.read(kind, ctypes.string_at(data, size) if data else b"")
    except Alert as error:
        LOG.info("ClientHello refused: %s", error)
        alert[0] = ctypes.c_int(error.description)
        return _FATAL
    except Exception:
        LOG.exception("extension %d of a ClientHello is passed over, by a fault of this program", kind)
    return _PARSED


def _add(  # noqa: PLR0917 - OpenSSL's signature
    pointer: int, _kind: int, message: int, out: "_Text", size: "_Size", shown: int | None, at: int, *_: object
) -> int:
    """Answer for the end entity; a resumed session shows no certificate that anything could be said of."""
    try:
        spoken = _spoken.get(pointer)
        if spoken is None or at != 0 or library().SSL_session_reused(pointer):
            return _NOT_SENT
        if message == SSL_EXT_TLS1_2_SERVER_HELLO:
            shown = library().SSL_get_certificate(pointer)
        answer = spoken.stapler.answer(certificate_der(shown)) if shown else None
        if answer is None:
            return _NOT_SENT
        spoken.answer = answer
        out[0], size[0] = ctypes.c_char_p(answer), ctypes.c_size_t(len(answer))
    except Exception:
        LOG.exception("nothing is answered, by a fault of this program")
        return _NOT_SENT
    return _SENT


def _staple(pointer: int, _: None) -> int:
    """Hand over an OCSP response, in memory that OpenSSL frees (SSL_CTX_set_tlsext_status_cb(3))."""
    try:
        spoken, shown = _spoken.get(pointer), library().SSL_get_certificate(pointer)
        response = spoken.stapler.staple(certificate_der(shown)) if spoken and shown else None
        if not response or not (copy := library().CRYPTO_malloc(len(response), None, 0)):
            return SSL_TLSEXT_ERR_NOACK
        ctypes.memmove(copy, response, len(response))
        library().SSL_ctrl(pointer, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, len(response), copy)
    except Exception:
        LOG.exception("no OCSP response is stapled, by a fault of this program")
        return SSL_TLSEXT_ERR_NOACK
    return SSL_TLSEXT_ERR_OK


# What C holds: referenced here for as long as the process lives.
_NONE: Final = AddCallback()
_READ: Final = ParseCallback(_read)
_ADD: Final = AddCallback(_add)
_STATUS: Final = StatusCallback(_staple)
