"""Servers on loopback that a client meets: OpenSSL's own, stapling from files, and a peer that speaks bytes as told."""

import base64
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import repeat
from pathlib import Path
from typing import Protocol

from mecai.protocol.codec.tls_answer import VOUCHER
from tests.integration.relays import relay
from tests.patience import SECONDS
from tests.pki import Issued

_SERVED_IN = 0x1180  # ClientHello, TLS 1.2 ServerHello, TLS 1.3 Certificate
_HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"  # RFC 5246, section 7.4.1.1, in a record of its own
PAGE = "<p>hello</p>"


class Served(Protocol):
    """What a server shows: its certificate, and an OCSP staple or none."""

    @property
    def site(self) -> Issued:
        """Its certificate and key."""

    @property
    def staple(self) -> bytes | None:
        """An OCSPResponse in DER."""


def write_server_info(path: Path, answer: bytes) -> Path:
    """Write what SSL_CTX_use_serverinfo_file(3) reads: a server with OpenSSL staples it and knows nothing of it."""
    body = struct.pack("!IHH", _SERVED_IN, VOUCHER, len(answer)) + answer
    text = base64.b64encode(body).decode()
    path.write_text(f"-----BEGIN SERVERINFOV2 FOR VOUCHER-----\n{text}\n-----END SERVERINFOV2 FOR VOUCHER-----\n")
    return path


@contextmanager
def openssl_server(world: Served, folder: Path, answer: bytes | None, *more: str) -> Iterator[int]:
    """Run `openssl s_server` as a web server of `folder`; yields its port on 127.0.0.1."""
    (folder / "index.html").write_text(PAGE)
    (folder / "site.pem").write_bytes(world.site.chain_pem + world.site.key_pem)
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-WWW", "-cert", "site.pem", "-cert_chain", "site.pem"]
    if world.staple is not None:
        (folder / "staple.der").write_bytes(world.staple)
        command += ["-status_file", "staple.der"]
    command += more
    if answer is not None:
        command += ["-serverinfo", str(write_server_info(folder / "server.info", answer))]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, text=True, **streams) as server:  # type: ignore[call-overload]  # mixed
        try:
            line = next(line for line in server.stdout if line.startswith("ACCEPT"))
            yield int(line.rpartition(":")[2])
        finally:
            server.terminate()


def imap_before(port: int) -> AbstractContextManager[int]:
    """Accept one connection, consent to STARTTLS as IMAP does, then pass everything on to a port; yields its own."""

    def consent(near: socket.socket) -> None:
        near.sendall(b"* OK ready\r\n")
        near.recv(4096)
        near.sendall(b"a OK begin\r\n")

    return relay(port, greet=consent)


def connect_proxy(port: int) -> AbstractContextManager[int]:
    """Accept one connection as an HTTP proxy does (CONNECT, RFC 9110), and lead it to a port; yields its own."""

    def consent(near: socket.socket) -> None:
        near.recv(4096)
        near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    return relay(port, greet=consent)


@contextmanager
def blunt_server(*pieces: bytes) -> Iterator[int]:
    """Accept one connection, read once, say the pieces, then nothing until the client goes; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def meet() -> None:
        with suppress(OSError):  # nobody came
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                while connection.recv(65536):
                    pass

    thread = threading.Thread(target=meet, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(SECONDS)
        listener.close()
        assert not thread.is_alive(), "the client left its connection open"


@contextmanager
def flooding_server() -> Iterator[int]:
    """Accept one connection and send TLS 1.2 HelloRequests until the client goes; yields the port."""
    with blunt_server(*repeat(_HELLO_REQUEST * 5000, 10_000)) as port:
        yield port
