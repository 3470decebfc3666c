"""A TLS server without a network: two MemoryBIOs, a stock `ssl` server, and custom extensions that do as a test says.

The server's half of the extensions is written here and not taken from `mecai.tls`: it tries the client's half there.
"""

import ctypes
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.tls.library import (
    SSL_EXT_CLIENT_HELLO,
    SSL_EXT_TLS1_2_SERVER_HELLO,
    SSL_EXT_TLS1_3_CERTIFICATE,
    SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
    AddCallback,
    ParseCallback,
    library,
)
from mecai.tls.pointers import Connection, context_pointer
from tests.pki import Issued

EVERYWHERE = SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS
_held: list[object] = []  # what C points at must outlive every context
Answer = Callable[[int, int], bytes | None]  # (message, index in the chain) -> octets, or None for no extension


@dataclass
class Extension:
    """One custom extension of a server: what clients sent in it, and what the server answers."""

    answer: Answer = lambda _message, _index: None
    seen: list[bytes] = field(default_factory=list)

    def install(self, context: ssl.SSLContext, kind: int, messages: int = EVERYWHERE) -> "Extension":
        """Register on a server context."""
        add, parse = AddCallback(self._add), ParseCallback(self._parse)
        _held.extend([add, parse])
        pointer = context_pointer(context)
        assert library().SSL_CTX_add_custom_ext(
            pointer, kind, SSL_EXT_CLIENT_HELLO | messages, add, None, None, parse, None
        )
        return self

    def _parse(self, *arguments: int) -> int:
        self.seen.append(ctypes.string_at(arguments[3], arguments[4]))
        return 1

    def _add(self, *arguments: object) -> int:
        _, _, message, out, length, _, index, _, _ = arguments
        data = self.answer(message, index)  # type: ignore[arg-type]  # ctypes hands over plain integers
        if data is None:
            return 0
        _held.append(data)
        out[0], length[0] = data, len(data)  # type: ignore[index]  # and pointers
        return 1


def server_context(issued: Issued) -> ssl.SSLContext:
    """Make a stock server context with a certificate, its chain and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_bytes(issued.chain_pem + issued.key_pem)
        context.load_cert_chain(chain)
    return context


def stapling_server(issued: Issued, answer: bytes | None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Make one that answers extension `voucher` with these octets, beside its own certificate alone."""
    context = server_context(issued)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    messages = SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE
    Extension(lambda _message, index: None if index else answer).install(context, VOUCHER, messages)
    return context


class Pair:
    """A client and a server that talk through memory."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext, name: str = "www.example.test") -> None:
        self.to_server, self.to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(self.to_client, self.to_server, server_hostname=name)
        self.connection: Connection = self.client._sslobj  # type: ignore[attr-defined]  # below the public API
        self.server = server.wrap_bio(self.to_server, self.to_client, server_side=True)

    def handshake(self) -> None:
        """Run both ends until neither wants more; the client's error, if any, comes first."""
        client, server = False, False
        while not (client and server):
            client = client or _finished(self.client)
            server = server or _finished(self.server)


def _finished(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
