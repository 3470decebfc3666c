"""A TLS server on tlslite-ng, one connection long, that says extension `voucher` where and as often as a test wants.

tlslite-ng shares no code with OpenSSL, and says whatever it is told to.
"""

import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from mecai.protocol.codec.tls_answer import VOUCHER
from tests.pki import Issued

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its package imports asyncore, which Python deprecates
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey  # type: ignore[import-untyped]  # ships no types
    from tlslite.constants import TLS_1_3_HRR  # type: ignore[import-untyped]  # ships no types
    from tlslite.errors import BaseTLSException, TLSRemoteAlert  # type: ignore[import-untyped]  # ships no types
    from tlslite.extensions import TLSExtension  # type: ignore[import-untyped]  # ships no types
    from tlslite.messages import (  # type: ignore[import-untyped]  # ships no types
        Certificate,
        EncryptedExtensions,
        HelloRequest,
        ServerHello,
    )

TLS12: Final = (3, 3)
TLS13: Final = (3, 4)
SECONDS: Final = 20.0
Twist = Callable[[Any], Any]  # of a message: what carries its extensions, or None for no change


@dataclass
class Met:
    """What the server saw: the alert that ended the connection (RFC 8446, section 6), or application data."""

    port: int = 0
    alert: int | None = None
    data: bytes = b""
    threads: list[threading.Thread] = field(default_factory=list)

    def over(self) -> "Met":
        """Wait until the connection has ended."""
        for thread in self.threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), "the client left its connection open"
        return self


def server_hello(message: Any) -> Any:
    """Choose the ServerHello that is no HelloRetryRequest."""
    return message if isinstance(message, ServerHello) and message.random != TLS_1_3_HRR else None


def retry_request(message: Any) -> Any:
    """Choose the HelloRetryRequest."""
    return message if isinstance(message, ServerHello) and message.random == TLS_1_3_HRR else None


def encrypted_extensions(message: Any) -> Any:
    """Choose the EncryptedExtensions."""
    return message if isinstance(message, EncryptedExtensions) else None


def end_entity(message: Any) -> Any:
    """Choose the end entity's CertificateEntry."""
    return message.certificate_list[0] if isinstance(message, Certificate) else None


class _Connection(TLSConnection):  # type: ignore[misc]  # its base has no types
    def __init__(self, sock: socket.socket, place: Twist, answers: tuple[bytes, ...]) -> None:
        super().__init__(sock)
        self._place, self._answers = place, answers

    def _sendMsg(self, message: Any, *arguments: Any, **named: Any) -> Iterator[Any]:  # noqa: N802 the base's name
        self._twist(message)
        yield from super()._sendMsg(message, *arguments, **named)

    def _queue_message(self, message: Any) -> None:
        self._twist(message)
        super()._queue_message(message)

    def _twist(self, message: Any) -> None:
        place = self._place(message)
        if place is not None:
            said = [TLSExtension(extType=VOUCHER).create(bytearray(answer)) for answer in self._answers]
            place.extensions = [*(place.extensions or ()), *said]

    def renegotiate(self) -> None:
        """Ask for another handshake (RFC 5246, section 7.4.1.1)."""
        for _ in self._sendMsg(HelloRequest().create()):
            pass


@contextmanager
def hostile_server(
    site: Issued, place: Twist, *answers: bytes, version: tuple[int, int] = TLS13, renegotiates: bool = False
) -> Iterator[Met]:
    """Meet one client, and say each of the answers as an extension of its own in one place of the handshake."""
    settings, met = HandshakeSettings(), Met()
    settings.minVersion, settings.maxVersion = TLS12, version
    if place is retry_request:
        settings.eccCurves, settings.keyShares, settings.dhGroups = ["secp521r1"], [], []
    chain = X509CertChain()
    chain.parsePemList(site.chain_pem.decode())
    key = parsePEMKey(site.key_pem.decode(), private=True)

    def meet() -> None:
        with suppress(OSError, BaseTLSException):
            plain, _ = listener.accept()
            with plain:
                plain.settimeout(SECONDS)
                connection = _Connection(plain, place, answers)
                try:
                    connection.handshakeServer(certChain=chain, privateKey=key, settings=settings)
                    if renegotiates:
                        connection.renegotiate()
                    met.data = bytes(connection.read(max=1000, min=1))
                except TLSRemoteAlert as alert:
                    met.alert = alert.description

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        met.port = listener.getsockname()[1]
        met.threads.append(threading.Thread(target=meet, daemon=True))
        met.threads[0].start()
        yield met
        met.over()
