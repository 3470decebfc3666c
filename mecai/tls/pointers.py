"""From Python's TLS objects to the C objects behind them: `SSL_CTX *` and `SSL *`.

CPython's `_ssl.c` (3.11 to 3.13) begins its objects so:

    PySSLContext { PyObject_HEAD; SSL_CTX *ctx; ... }
    PySSLSocket  { PyObject_HEAD; PyObject *Socket; SSL *ssl; PySSLContext *ctx; ... }

That is no promise of CPython's, so each pointer is checked against what `ssl` itself says before anything relies on it.
"""

import ctypes
import ssl
from typing import Protocol

from mecai.tls.library import UnsupportedRuntimeError, library

_HEAD = object.__basicsize__
_Word = ctypes.c_size_t  # as wide as a pointer
_WORD = ctypes.sizeof(_Word)
_Words = _Word * 3
_VERIFY_MODES = {  # SSL_VERIFY_PEER is 1, SSL_VERIFY_FAIL_IF_NO_PEER_CERT 2
    0: ssl.VerifyMode.CERT_NONE,
    1: ssl.VerifyMode.CERT_OPTIONAL,
    3: ssl.VerifyMode.CERT_REQUIRED,
}


class Certificate(Protocol):
    """What `_ssl.Certificate` offers of use here."""

    def public_bytes(self, encoding: int, /) -> str | bytes:
        """Return DER or PEM."""


class Connection(Protocol):
    """What `_ssl._SSLSocket` offers: the object below `SSLSocket._sslobj` and `SSLObject._sslobj`."""

    @property
    def context(self) -> ssl.SSLContext:
        """The context it was made from."""

    @property
    def session_reused(self) -> bool:
        """Whether the handshake resumed a session."""

    def version(self) -> str | None:
        """Return for example `TLSv1.3`."""

    def cipher(self) -> tuple[str, str, int] | None:
        """Return name, protocol and bits."""

    def get_unverified_chain(self) -> list[Certificate] | None:
        """Return what the server sent."""


def context_pointer(context: ssl.SSLContext) -> int:
    """Return the `SSL_CTX *` of `context`.

    Raises `UnsupportedRuntimeError` unless two of its settings read back through it as `ssl` tells them.
    """
    pointer = _first_word(context)
    openssl = library()
    _expect(pointer != 0 and pointer % _WORD == 0, "SSLContext")
    _expect(openssl.SSL_CTX_get_options(pointer) == context.options, "SSLContext")
    _expect(_VERIFY_MODES.get(openssl.SSL_CTX_get_verify_mode(pointer)) == context.verify_mode, "SSLContext")
    return pointer


def connection_pointer(connection: Connection) -> int:
    """Return the `SSL *` of `connection`.

    Raises `UnsupportedRuntimeError` unless Python and OpenSSL agree which context it belongs to.
    """
    context = connection.context
    words = _Words.from_address(id(connection) + _HEAD)
    _expect(words[2] == id(context), "SSL socket")
    pointer = words[1]
    _expect(library().SSL_get_SSL_CTX(pointer) == _first_word(context), "SSL socket")
    return pointer


def certificate_der(certificate: int) -> bytes:
    """Return an `X509 *` as it was issued (i2d_X509(3): the length, and a pointer that it moves on)."""
    octets = ctypes.create_string_buffer(library().i2d_X509(certificate, None))
    library().i2d_X509(certificate, ctypes.byref(ctypes.c_void_p(ctypes.addressof(octets))))
    return octets.raw


def _first_word(thing: object) -> int:
    """Return the machine word after the head that every Python object has."""
    return _Word.from_address(id(thing) + _HEAD).value


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise UnsupportedRuntimeError(
            f"the {what} of {ssl.OPENSSL_VERSION} under this Python is not laid out as in CPython 3.11 to 3.13;"
            " use the distribution's python3"
        )
