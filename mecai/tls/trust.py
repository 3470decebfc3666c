"""Whom one connection trusts: roots of its own instead of its context's, and no session of an earlier one."""

import ssl

from mecai.tls.library import SSL_CTRL_SET_VERIFY_CERT_STORE, UnsupportedRuntimeError, library
from mecai.tls.pointers import Connection, connection_pointer, context_pointer


def trust_only(connection: Connection, roots: ssl.SSLContext) -> None:
    """Let `connection`, whose handshake has not begun, verify its peer to the roots of the context `roots` alone.

    Everything else (host name, protocol versions, a client's certificate) stays as its own context says. OpenSSL
    counts who uses the roots (SSL_set1_verify_cert_store(3)). Raises `UnsupportedRuntimeError`.
    """
    openssl = library()
    store = openssl.SSL_CTX_get_cert_store(context_pointer(roots))
    if openssl.SSL_ctrl(connection_pointer(connection), SSL_CTRL_SET_VERIFY_CERT_STORE, 1, store) != 1:
        raise UnsupportedRuntimeError(f"{ssl.OPENSSL_VERSION} takes no roots for one connection")


def forget_session(connection: Connection) -> None:
    """Let `connection`, whose handshake has not begun, resume no session, whoever has set one (SSL_set_session(3))."""
    if library().SSL_set_session(connection_pointer(connection), None) != 1:
        raise UnsupportedRuntimeError(f"{ssl.OPENSSL_VERSION} does not let go of a session")
