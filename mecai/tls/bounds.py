"""How many octets of certificates a server reads of a client.

OpenSSL takes 100 KiB, and makes a key of each certificate before it judges any: 280 ms of processor time for points of
P-224 that are compressed, whoever shows them. More than the bound is refused by the length with which a message begins.
"""

import ssl

from mecai.tls.library import SSL_CTRL_GET_MAX_CERT_LIST, SSL_CTRL_SET_MAX_CERT_LIST, UnsupportedRuntimeError, library
from mecai.tls.pointers import context_pointer


def bound_certificates(context: ssl.SSLContext, octets: int) -> None:
    """Let connections of `context` end a handshake in which the peer's Certificate message has more octets.

    See SSL_CTX_set_max_cert_list(3). Raises `UnsupportedRuntimeError`.
    """
    pointer, openssl = context_pointer(context), library()
    openssl.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MAX_CERT_LIST, octets, None)
    if openssl.SSL_CTX_ctrl(pointer, SSL_CTRL_GET_MAX_CERT_LIST, 0, None) != octets:
        raise UnsupportedRuntimeError(f"{ssl.OPENSSL_VERSION} takes no bound on certificates")
