"""A QUIC client on aioquic, whose TLS is its own: adds extensions to the ClientHello and keeps what came back.

    answer = ask_by_quic(port, {VOUCHER_REQUEST: request, VOUCHER: b""})
    answer.extensions                                         # of the server's first CertificateEntry, by number

Only what runs where there is a QUIC server imports it.
"""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ssl import CERT_NONE
from typing import Final

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted
from aioquic.tls import Certificate

from tests.integration.nginx_module.tls import HOST
from tests.patience import SECONDS

DATAGRAM_OCTETS: Final = 65536


@dataclass(frozen=True)
class QuicAnswer:
    """What one handshake brought: the certificate in use, and the extensions beside it."""

    certificate: bytes
    extensions: dict[int, bytes]


class _Connection(QuicConnection):
    """Adds extensions to the ClientHello, and notes the message Certificate."""

    def __init__(self, extensions: Mapping[int, bytes]) -> None:
        # the test compares the certificate itself
        configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=HOST, verify_mode=CERT_NONE)
        super().__init__(configuration=configuration)
        self._own_extensions = extensions
        self.answer: QuicAnswer | None = None

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        self.tls.handshake_extensions += self._own_extensions.items()
        keep = self.tls._set_peer_certificate

        def note(certificate: Certificate) -> None:
            first, extensions = certificate.certificates[0]
            self.answer = QuicAnswer(first, _by_number(extensions))
            keep(certificate)

        self.tls._set_peer_certificate = note  # type: ignore[method-assign]  # aioquic shows it to nobody


def ask_by_quic(port: int, extensions: Mapping[int, bytes]) -> QuicAnswer:
    """Shake hands with a port of loopback; raises `ConnectionError` where the server refuses, `TimeoutError`."""
    connection, end = _Connection(extensions), time.monotonic() + SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        connection.connect(("127.0.0.1", port), time.monotonic())
        while not _completed(connection):
            _exchange(connection, sock, end)
        connection.close()
        _send(connection, sock)
    assert connection.answer is not None
    return connection.answer


def _completed(connection: QuicConnection) -> bool:
    while event := connection.next_event():
        if isinstance(event, ConnectionTerminated):
            raise ConnectionError(f"the server ended it: {event.error_code:#x} {event.reason_phrase}")
        if isinstance(event, HandshakeCompleted):
            return True
    return False


def _exchange(connection: QuicConnection, sock: socket.socket, end: float) -> None:
    """Send what there is to send, then wait for a datagram or for the connection's own timer."""
    _send(connection, sock)
    now = time.monotonic()
    if now > end:
        raise TimeoutError(f"no handshake by QUIC within {SECONDS} s")
    sock.settimeout(max(0.001, min(connection.get_timer() or end, end) - now))
    try:
        connection.receive_datagram(sock.recv(DATAGRAM_OCTETS), sock.getpeername(), time.monotonic())
    except TimeoutError:
        connection.handle_timer(time.monotonic())


def _send(connection: QuicConnection, sock: socket.socket) -> None:
    for datagram, _ in connection.datagrams_to_send(time.monotonic()):
        sock.send(datagram)


def _by_number(extensions: bytes) -> dict[int, bytes]:
    found = {}
    while extensions:
        number, end = int.from_bytes(extensions[:2]), 4 + int.from_bytes(extensions[2:4])
        found[number], extensions = extensions[4:end], extensions[end:]
    return found
