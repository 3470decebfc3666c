"""The probe: one full TLS handshake with one address, and the chain that was seen (docs/spec P1, P2).

A completed handshake proves possession of the key of the certificate shown: OpenSSL checks the server's signature over
the handshake whatever `set_verify` says. Whether the chain is trusted is not asked here; it was settled before. No
application data is sent, no name is resolved, and what the server says beyond its certificates is dropped.

OpenSSL never reads from the connection itself: what arrives is handed to it piece by piece, so that a server that sends
without end has used up its octets long before its time.

Values go in and values come out, so that an agent in another network can make the same handshake for somebody else.

pyOpenSSL has no call for the client's signature algorithms and groups, so `_context` takes those that lie below it.
"""

import socket
from contextlib import closing, suppress
from functools import lru_cache
from typing import Final

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL, crypto

from mecai.errors import HostError
from mecai.net.cut_off import cut_off
from mecai.net.dial import Unreachable, connect
from mecai.probing.offer import Offer
from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.service.printable import words

MOST_OCTETS: Final = 32 * 1024  # that a server may send: OpenSSL decodes each key among them, wanted or not
_EXPECTED: Final = "a complete handshake of TLS 1.2 or 1.3, by ECDHE with X25519, P-256, P-384 or P-521"
_PIECE: Final = 16 * 1024
_OFFERS: Final = 64  # that are remembered; there are hardly more


class HandshakeFailed(HostError):
    """Somebody answered at the address, but not with the whole handshake."""


ProbeError = Unreachable | HandshakeFailed


def probe(address: bytes, port: int, server_name: str | None, offer: Offer, deadline: Deadline) -> tuple[bytes, ...]:
    """Shake hands once and return the chain as sent, end entity first, each certificate in DER.

    `address` is 4 or 16 octets. Raises `Unreachable` or `HandshakeFailed`.
    """
    with closing(_connect(address, port, deadline)) as line:
        try:
            with cut_off(line, deadline):
                return _shake_hands(SSL.Connection(_context(offer)), line, server_name)
        except (SSL.Error, OSError, ValueError) as error:
            detail = f"{address_text(address)} port {port}: {_words(error)}"
            raise HandshakeFailed(f"{detail}; expected {_EXPECTED}") from error


def _shake_hands(connection: SSL.Connection, line: socket.socket, server_name: str | None) -> tuple[bytes, ...]:
    connection.set_connect_state()
    if server_name is not None:
        connection.set_tlsext_host_name(server_name.encode("ascii"))
    try:
        _exchange(connection, line)
        chain = connection.get_peer_cert_chain() or []
        with suppress(SSL.Error):
            connection.shutdown()
    finally:
        with suppress(SSL.Error, OSError):
            _send(connection, line)  # the last message, or the alert that says why there is none
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain)


def _exchange(connection: SSL.Connection, line: socket.socket) -> None:
    """Carry octets between a connection, which has none of its own, and the line until the handshake is done."""
    left = MOST_OCTETS
    while left > 0:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            _send(connection, line)
            if not (piece := line.recv(_PIECE)):
                raise OSError("the connection broke") from None
            left -= connection.bio_write(piece)
        else:
            return
    raise OSError(f"more than {MOST_OCTETS} octets")


def _send(connection: SSL.Connection, line: socket.socket) -> None:
    with suppress(SSL.WantReadError):  # there is nothing to send
        while True:
            line.sendall(piece := connection.bio_read(_PIECE))
            if len(piece) < _PIECE:
                return


def _connect(address: bytes, port: int, deadline: Deadline) -> socket.socket:
    try:
        return connect(address, port, deadline)
    except OSError as error:
        raise Unreachable(f"{address_text(address)} port {port}: {words(error)}") from error


@lru_cache(_OFFERS)
def _context(offer: Offer) -> SSL.Context:
    """Make a client context that offers this and nothing else (P2), for all who offer it: it keeps no sessions."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_verify_depth(0)  # OpenSSL looks for a path all the same: a hundred certificates long, among all
    context.set_cipher_list(offer.suites.encode("ascii"))
    native = context._context  # noqa: SLF001 - pyOpenSSL has neither call of its own
    if Binding.lib.SSL_CTX_set1_sigalgs_list(native, offer.schemes.encode("ascii")) != 1:
        raise RuntimeError(f"OpenSSL refuses the signature algorithms {offer.schemes}")
    if Binding.lib.SSL_CTX_set1_curves_list(native, offer.groups.encode("ascii")) != 1:
        raise RuntimeError(f"OpenSSL refuses the groups {offer.groups}")
    return context


def _words(error: Exception) -> str:
    """Say what went wrong in a few words; OpenSSL's own are a list of triples (library, function, reason)."""
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return "; ".join(reason for _, _, reason in error.args[0])
    return words(error)
