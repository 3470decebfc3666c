"""One connection and one page, for the command line: bounded in size and in time, no redirects, no proxy.

Every address of a name is tried in order, but only for as long as none answers at TCP. From the ClientHello on, the
first address that answered is final (docs/spec, M2): whoever has read which authorities the client named must not get
another draw by hanging up, and a refusal that silently became a success elsewhere would hide the attack from the person
who could report it.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from mecai.client.context import VoucherContext
from mecai.client.sockets import VoucherSocket
from mecai.client.verdict import Refused, Verdict
from mecai.errors import HostError, InputError, VerificationError
from mecai.protocol.pki.names import host_name

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HTTPS_PORT: Final = 443
PAGE_LIMIT: Final = 1024 * 1024  # octets
_TCP_LIMIT: Final = 5.0  # seconds for one address


class Unreachable(HostError):
    """No address of the host answers."""

    reason = "unreachable"


@dataclass(frozen=True)
class Destination:
    """Where to connect; `host` is a name in A-labels or an address."""

    host: str
    port: int
    path: str = "/"

    @classmethod
    def of_url(cls, text: str) -> "Destination":
        """Read an https URL; raises `InputError`."""
        try:
            parts = urlsplit(text)
            port = parts.port or HTTPS_PORT
        except ValueError as error:
            raise InputError(f"{text!r} is no URL ({error}); expected https://HOST[:PORT][/PATH]") from error
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise InputError(f"{text!r} is no https URL; expected https://HOST[:PORT][/PATH]")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.isascii() or not path.isprintable() or " " in path:
            raise InputError(f"{text!r} has characters that a URL must write as %XX")
        return cls(_host(parts.hostname), port, path)

    @classmethod
    def of_host(cls, text: str) -> "Destination":
        """Read `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; raises `InputError`."""
        bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
        destination = cls.of_url(f"https://{bare}")
        if destination.path != "/" or text.endswith("/"):
            raise InputError(f"{text!r} is no host; expected HOST[:PORT]")
        return destination

    @property
    def url(self) -> str:
        """The destination as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}{'' if self.port == HTTPS_PORT else f':{self.port}'}{self.path}"


@dataclass(frozen=True)
class Timings:
    """Seconds."""

    connect: float
    handshake: float
    verification: float


@dataclass(frozen=True)
class Connection:
    """A finished handshake and its verdict; `socket` is closed if that is a refusal."""

    socket: VoucherSocket | None
    verdict: Verdict
    timings: Timings


@dataclass(frozen=True)
class Page:
    """An HTTP answer; `complete` is False where the body was cut off at the limit."""

    status: int
    phrase: str
    content_type: str
    location: str | None
    body: bytes
    complete: bool


class Deadline:
    """One limit in seconds for everything together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left; raises `TimeoutError` when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        return left


def connect(destination: Destination, context: VoucherContext, deadline: Deadline) -> Connection:
    """Connect and judge.

    Raises `Unreachable` if no address answers, `VerificationError` (certificate-invalid, handshake-failed) where
    ordinary TLS already fails. A refusal is a result, not an error.
    """
    start = time.perf_counter()
    raw = _reach(destination, deadline)
    reached = time.perf_counter()
    sock = None
    try:
        raw.settimeout(deadline.left())
        sock = cast("VoucherSocket", context.wrap_socket(raw, server_hostname=destination.host))
        verdict = cast("Verdict", sock.verdict)
    except Refused as refusal:
        verdict = refusal.verdict
    except ssl.SSLCertVerificationError as error:
        raise VerificationError("certificate-invalid", "C4", f"{destination.host}: {error.verify_message}") from error
    except OSError as error:
        raise VerificationError("handshake-failed", "TLS", f"{destination.host}: {_words(error)}") from error
    handshake = time.perf_counter() - reached - verdict.seconds
    return Connection(sock, verdict, Timings(reached - start, handshake, verdict.seconds))


def get(connection: Connection, destination: Destination, deadline: Deadline) -> Page:
    """Ask for the page over a connection that was not refused; raises `HostError`."""
    client = http.client.HTTPConnection(destination.host, destination.port)
    client.sock = cast("socket.socket", _Bounded(cast("VoucherSocket", connection.socket), deadline))
    try:
        client.request("GET", destination.path, headers={"User-Agent": "mecai", "Connection": "close"})
        answer = client.getresponse()
        body = answer.read(PAGE_LIMIT + 1)
    except (OSError, http.client.HTTPException) as error:
        raise HostError(f"{destination.url}: connected, but got no page ({_words(error)})") from error
    return Page(
        status=answer.status,
        phrase=answer.reason,
        content_type=answer.getheader("Content-Type", ""),
        location=answer.getheader("Location"),
        body=body[:PAGE_LIMIT],
        complete=len(body) <= PAGE_LIMIT,
    )


def _reach(destination: Destination, deadline: Deadline) -> socket.socket:
    """Return a TCP connection to the first address that answers."""
    where = f"{destination.host} port {destination.port}"
    try:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(
            f"{where}: the name has no address ({_words(error)}); check the name and the resolver"
        ) from error
    failures = []
    for family, kind, protocol, _name, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(deadline.left(), _TCP_LIMIT))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failures.append(f"{address[0]}: {_words(error)}")
        else:
            return sock
    raise Unreachable(f"{where}: no address answers ({'; '.join(failures)}); check the port and the route to it")


def _host(text: str) -> str:
    """Return an address as it is, a name in A-labels."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return host_name(text.encode("idna").decode("ascii"))
    except UnicodeError as error:
        raise InputError(f"{text!r} is no host name ({error})") from error


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


class _Bounded:
    """What `http.client` needs of a socket, every read and write under one deadline."""

    def __init__(self, sock: VoucherSocket, deadline: Deadline) -> None:
        self._socket, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._socket, self._deadline))

    def close(self) -> None:
        """Leave the socket to its owner."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: VoucherSocket, deadline: Deadline) -> None:
        super().__init__()
        self._socket, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)
