"""A TLS server on loopback that writes down what it hears: the choice in each ClientHello, and every octet under TLS.

It speaks as much HTTP, SMTP and IMAP as the usual libraries ask of a server, the latter two with STARTTLS.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from tests.integration.client_servers import PAGE
from tests.pki import Issued
from tests.unit.tls.memory import Extension, stapling_server

SECONDS: Final = 20.0
_HTTP: Final = f"HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\nConnection: close\r\n\r\n{PAGE}".encode()


def _http(line: bytes) -> bytes:
    return _HTTP if line == b"\r\n" else b""


def _smtp(line: bytes) -> bytes:
    answers = {
        b"EHLO": b"250-mail.example.test\r\n250 STARTTLS\r\n",
        b"STAR": b"220 begin\r\n",
        b"QUIT": b"221 bye\r\n",
    }
    return answers[line[:4].upper()]


def _imap(line: bytes) -> bytes:
    tag, verb, *_ = line.split()
    before = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", b"LOGOUT": b"* BYE\r\n"}.get(verb, b"")
    return before + tag + b" OK done\r\n"


@dataclass(frozen=True)
class Protocol:
    """What a server answers to a line; one with a greeting begins in the clear."""

    answer: Callable[[bytes], bytes]
    last: bytes  # the line after which nothing follows, without a tag
    greeting: bytes = b""


HTTP: Final = Protocol(_http, b"\r\n")
SMTP: Final = Protocol(_smtp, b"QUIT\r\n", b"220 mail.example.test\r\n")
IMAP: Final = Protocol(_imap, b"LOGOUT\r\n", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")


@dataclass
class Recording:
    """What a server heard, by connection; `octets` are those under TLS."""

    port: int
    choices: list[bytes]
    octets: list[bytearray] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def heard(self) -> list[bytes]:
        """Return what each connection brought, once all of them have ended."""
        for thread in self.threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), "the client left its connection open"
        return [bytes(each) for each in self.octets]


@contextmanager
def recording_server(site: Issued, answer: bytes | None, protocol: Protocol = HTTP) -> Iterator[Recording]:
    """Serve with these octets in extension `voucher`, or without it, until the end."""
    context = stapling_server(site, answer)
    choices = Extension().install(context, VOUCHER_REQUEST).seen
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recording = Recording(listener.getsockname()[1], choices)

        def meet(plain: socket.socket, octets: bytearray) -> None:
            with plain, suppress(OSError):
                plain.settimeout(SECONDS)
                if protocol.greeting:
                    _speak_in_the_clear(plain, protocol)
                with context.wrap_socket(plain, server_side=True) as secure:
                    _speak(secure, protocol, octets)

        def accept() -> None:
            with suppress(OSError):  # the listener was shut down
                while True:
                    plain, _ = listener.accept()
                    recording.octets.append(octets := bytearray())
                    recording.threads.append(threading.Thread(target=meet, args=(plain, octets), daemon=True))
                    recording.threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield recording
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(SECONDS)


def _speak(secure: socket.socket, protocol: Protocol, octets: bytearray) -> None:
    line = b""
    while octet := secure.recv(1):
        octets += octet
        line += octet
        if octet == b"\n":
            secure.sendall(protocol.answer(line))
            if line.split(b" ")[-1].upper() == protocol.last:
                return
            line = b""


def _speak_in_the_clear(plain: socket.socket, protocol: Protocol) -> None:
    """Go on until the client wants TLS; not an octet more is read."""
    plain.sendall(protocol.greeting)
    line = b""
    while octet := plain.recv(1):
        line += octet
        if octet == b"\n":
            plain.sendall(protocol.answer(line))
            if b"STARTTLS" in line.upper():
                return
            line = b""
