"""An `ssl.SSLContext` of a server that staples vouchers and OCSP responses.

    context = StaplingContext(Path("/var/lib/mecai-sidecar/staples"))
    context.load_cert_chain("www.pem", "www.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)     # http.server
    asyncio.start_server(talk, port=443, ssl=context)

Several names: each certificate in a `StaplingContext` of its own, over one `StapleDirectory`, and

    def choose(connection, name, default):
        connection.context = contexts.get(name, default)

    default.sni_callback = choose

An RSA and an ECDSA certificate in one context are told apart. Whatever lies in the directory, a handshake that a stock
context would finish is finished; only a `voucher_request` that cannot be read ends one (docs/spec T4).
"""

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self, cast

from mecai import tls
from mecai.errors import HostError, InputError
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import address_octets
from mecai.server.connection import ConnectionStapler
from mecai.server.staples import DEFAULT, StapleDirectory

# Octets of one answer: a first flight with two RSA-2048 certificates and a staple stays below 12.2 KB (docs/spec T7).
MAX_SIZE: Final = 7168
SMALLEST: Final = 512


class _Nobody:
    """The owner of a connection that is never used: what was to speak for it goes at once, as the connection does."""


class StaplingContext(ssl.SSLContext):
    """A server's TLS context; its defaults are those of `ssl.PROTOCOL_TLS_SERVER`."""

    def __new__(cls, *_arguments: Any, **_more: Any) -> Self:  # noqa: ANN401 - those of __init__
        """Make the context that `ssl` makes for a server."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(
        self,
        staples: Path | StapleDirectory = DEFAULT,
        *,
        public_addresses: Iterable[str] = (),
        max_size: int = MAX_SIZE,
    ) -> None:
        """Staple what is in `staples`; `public_addresses` are where clients see this server, if translation hides it.

        `max_size` (octets, of one answer) is 512 to 64000. Raises `InputError`, and `HostError` where this Python does
        not let its OpenSSL be reached.
        """
        if not SMALLEST <= max_size <= LIMITS.staple_size:
            raise InputError(f"max_size: {max_size} is outside {SMALLEST}..{LIMITS.staple_size}")
        self._staples = staples if isinstance(staples, StapleDirectory) else StapleDirectory(Path(staples))
        self._addresses = tuple(map(address_octets, public_addresses))
        self._max_size = max_size
        try:
            tls.install_stapling(self, answered=VOUCHER, wanted=VOUCHER_REQUEST)
            probe = super()._wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)  # type: ignore[misc]
            # The way to a connection's C object, once, before it matters.
            tls.staple_by(probe, _Nobody(), self._stapler(()))
        except tls.UnsupportedRuntimeError as error:
            raise HostError(str(error)) from error

    def load_cert_chain(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - ssl's own
        """As `ssl.SSLContext.load_cert_chain`; what may be stapled for the certificate is read at once."""
        super().load_cert_chain(*arguments, **more)
        if certificate := tls.shown_certificate(self):
            self._staples.add(certificate)

    # What `ssl` makes each connection by, of a socket and of memory: before its handshake, whoever begins that.

    def _wrap_socket(self, sock: socket.socket, *arguments: Any, owner: object, **more: Any) -> object:  # noqa: ANN401
        connection = super()._wrap_socket(sock, *arguments, owner=owner, **more)  # type: ignore[misc]  # not in typeshed
        return self._begin(cast("tls.Connection", connection), owner, _address(sock))

    def _wrap_bio(self, *arguments: Any, owner: object, **more: Any) -> object:  # noqa: ANN401 - ssl's own
        connection = super()._wrap_bio(*arguments, owner=owner, **more)  # type: ignore[misc]  # not in typeshed
        return self._begin(cast("tls.Connection", connection), owner, ())

    def _begin(self, connection: tls.Connection, owner: object, address: tuple[bytes, ...]) -> tls.Connection:
        self._staples.serve()
        tls.staple_by(connection, owner, self._stapler(address))
        return connection

    def _stapler(self, address: tuple[bytes, ...]) -> ConnectionStapler:
        return ConnectionStapler(self._staples, self._addresses or address, self._max_size)


def _address(sock: socket.socket) -> tuple[bytes, ...]:
    """Return where a client of this socket sees the server; none where that is no address."""
    try:
        name = sock.getsockname()
        return (address_octets(name[0].partition("%")[0]),) if isinstance(name, tuple) else ()
    except (OSError, InputError):
        return ()
