"""A TLS client on tlslite-ng that adds the two extensions to its ClientHello and keeps what came back.

tlslite-ng shares no code with OpenSSL, so it is a witness for both sides of the extension.

    answer = ask(port, RequestExtension(1, (VA,)).encode())             # TLS 1.3, or version=TLS12
    answer.vouchers                                           # None: no extension; (): an empty list
"""

import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mecai.protocol.codec.tls_answer import VOUCHER, decode_vouchers
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from tests.patience import SECONDS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its package imports asyncore, which Python deprecates
    from tlslite.api import HandshakeSettings, TLSConnection  # type: ignore[import-untyped]  # ships no types
    from tlslite.errors import TLSRemoteAlert  # type: ignore[import-untyped]  # ships no types
    from tlslite.extensions import TLSExtension  # type: ignore[import-untyped]  # ships no types
    from tlslite.handshakehelpers import HandshakeHelpers  # type: ignore[import-untyped]  # ships no types
    from tlslite.messages import Certificate, ClientHello, ServerHello  # type: ignore[import-untyped]  # ships no types

TLS12: Final = (3, 3)
TLS13: Final = (3, 4)
HOST: Final = "www.example.test"
GET: Final = b"GET / HTTP/1.0\r\n\r\n"
_STATUS_REQUEST: Final = 5  # RFC 6066 section 8
_ANY_RESPONDER: Final = bytes.fromhex("0100000000")

__all__ = ["GET", "HOST", "TLS12", "TLS13", "Answer", "TLSRemoteAlert", "ask"]


@dataclass(frozen=True)
class Answer:
    """What one handshake brought: extension `voucher` per place, the certificate, the first octets of the server."""

    certificate: bytes | None
    extension: bytes | None
    elsewhere: int  # how many CertificateEntries beyond the first carried the extension
    staple: bytes | None
    resumed: bool
    retried: bool
    body: bytes
    session: Any = field(repr=False)

    @property
    def vouchers(self) -> tuple[bytes, ...] | None:
        """The vouchers received; None where there was no extension."""
        return None if self.extension is None else decode_vouchers(self.extension)


class _Connection(TLSConnection):  # type: ignore[misc]  # its base has no types
    """Puts extensions into each ClientHello and notes the messages that may carry an answer."""

    def __init__(
        self, sock: socket.socket, extensions: Sequence[tuple[int, bytes]], session: Any, second: bytes | None
    ) -> None:
        super().__init__(sock)
        self._second_request = second
        self._extensions = extensions
        self._offered = session
        self.hellos: list[Any] = []
        self.certificates: list[Any] = []
        self.client_hellos = 0

    def _sendMsg(self, message: Any, *arguments: Any, **named: Any) -> Iterator[Any]:  # noqa: N802 the base's name
        if isinstance(message, ClientHello):
            self._extend(message)
        yield from super()._sendMsg(message, *arguments, **named)

    def _sendMsgs(self, messages: Any, *arguments: Any, **named: Any) -> Iterator[Any]:  # noqa: N802 the base's name
        self.client_hellos += sum(isinstance(message, ClientHello) for message in messages)
        yield from super()._sendMsgs(messages, *arguments, **named)

    def _extend(self, hello: Any) -> None:
        self.client_hellos += 1
        present = {extension.extType: extension for extension in hello.extensions}
        if VOUCHER_REQUEST in present and self._second_request is not None:
            present[VOUCHER_REQUEST].create(bytearray(self._second_request))
        for number, data in self._extensions:
            if number not in present:
                hello.extensions.insert(0, TLSExtension(extType=number).create(bytearray(data)))
        if self._offered is not None and self._offered.tickets:  # the binders cover the extensions
            session = self._offered
            HandshakeHelpers.update_binders(
                hello, self._handshake_hash, [], session.tickets, session.resumptionMasterSecret
            )

    def _getMsg(self, *arguments: Any, **named: Any) -> Iterator[Any]:  # noqa: N802 the base's name
        for result in super()._getMsg(*arguments, **named):
            if isinstance(result, ServerHello):
                self.hellos.append(result)
            elif isinstance(result, Certificate):
                self.certificates.append(result)
            yield result


def ask(
    port: int,
    request: bytes | None,
    *,
    voucher: bytes | None = b"",
    version: tuple[int, int] = TLS13,
    name: str | None = HOST,
    key_type: str | None = None,
    session: Any = None,
    status: bool = False,
    retry: bool = False,
    second_request: bytes | None = None,
    preface: bytes = b"",
    send: bytes | None = None,
    alpn: Sequence[str] = (),
    address: str = "127.0.0.1",
    connected: Callable[[], None] | None = None,
) -> Answer:
    """Shake hands and close; raises `TLSRemoteAlert` where the server refuses.

    `request` and `voucher` are the data of the two extensions, None leaves one out. `key_type` ("rsa", "ecdsa") is the
    only one the client can verify. `retry` offers a key share for x25519 alone, which a server without it sends back
    with a HelloRetryRequest; `second_request` is then the request of the second ClientHello (default: the same).
    `preface` goes before the ClientHello; `send` after the handshake, and the answer is read
    to its end. `connected` is called once between connecting and all that.
    """
    offers = [(VOUCHER_REQUEST, request), (VOUCHER, voucher), (_STATUS_REQUEST, _ANY_RESPONDER if status else None)]
    extensions = [(number, data) for number, data in offers if data is not None]
    with socket.create_connection((address, port), timeout=SECONDS) as sock:
        if connected is not None:
            connected()
        sock.sendall(preface)
        connection = _Connection(sock, extensions, session, second_request)
        connection.ignoreAbruptClose = True
        connection.handshakeClientCert(
            settings=_settings(version, key_type, retry=retry),
            serverName=name,
            session=session,
            alpn=[bytearray(item.encode()) for item in alpn] or None,
        )
        body = b"" if send is None else _exchange(connection, send)
        answer = _answer(connection, body)
        connection.close()
    return answer


def _settings(version: tuple[int, int], key_type: str | None, *, retry: bool) -> Any:
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = version
    settings.usePaddingExtension = False
    if retry:
        settings.keyShares = ["x25519"]
    if key_type == "ecdsa":
        settings.rsaSigHashes, settings.rsaSchemes = [], []
    if key_type == "rsa":
        settings.ecdsaSigHashes, settings.more_sig_schemes = [], []
    return settings


def _exchange(connection: Any, data: bytes) -> bytes:
    if data:
        connection.write(data)
    body = b""
    while chunk := connection.read(max=4096):
        body += bytes(chunk)
    return body


def _answer(connection: _Connection, body: bytes) -> Answer:
    places = [_by_type(hello.extensions) for hello in connection.hellos[-1:]]
    chain = connection.certificates[0] if connection.certificates else None
    entries = [_by_type(entry.extensions) for entry in (chain.certificate_list or ())] if chain else []
    first = {**places[0], **(entries[0] if entries else {})}
    leaf = chain.cert_chain.x509List[0].bytes if chain else None
    return Answer(
        certificate=bytes(leaf) if leaf is not None else None,
        extension=first.get(VOUCHER),
        elsewhere=sum(VOUCHER in entry for entry in entries[1:]),
        staple=first.get(_STATUS_REQUEST),
        resumed=connection.resumed,
        retried=connection.client_hellos > 1,
        body=body,
        session=connection.session,
    )


def _by_type(extensions: Any) -> dict[int, bytes]:
    return {extension.extType: bytes(extension.extData) for extension in extensions or ()}
