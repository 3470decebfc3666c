"""One bounded HTTP exchange with a host that a stranger's certificate names (docs/spec, P7).

http only, ports 80 and 443, no redirect, no proxy, no compression. The name is resolved once; each address is held
against the policy, and the connection goes to exactly the address that passed. One deadline covers name, connection,
request and answer, however slowly the octets drip; the answer has a limit of its own.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol, cast
from urllib.parse import SplitResult, urlsplit

import dns.exception
import dns.resolver

from mecai.errors import HostError, InputError
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.protocol.pki.names import host_name
from mecai.service.deadline import Deadline

SECONDS: Final = 5.0
PORTS: Final = (80, 443)
_LONGEST_WORDS: Final = 300

Resolve = Callable[[str, Deadline], Sequence[bytes]]
Connect = Callable[[bytes, int, Deadline], socket.socket]


class FetchError(HostError):
    """Nothing usable came back: what was asked, and what went wrong."""


class Fetch(Protocol):
    """A `Fetcher`, or what stands for one in a test."""

    def __call__(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """Return the body of the answer, at most `limit` octets; raises `FetchError`."""
        ...


def resolve(name: str, deadline: Deadline) -> Sequence[bytes]:
    """Return the addresses of a host name, 4 or 16 octets each, from the DNS alone; raises `FetchError`."""
    try:
        answers = dns.resolver.Resolver().resolve_name(name, lifetime=deadline.require())
    except (dns.exception.DNSException, TimeoutError) as error:
        raise FetchError(f"{name}: has no address ({error})") from error
    return [address_octets(text) for text in answers.addresses()]


def connect(address: bytes, port: int, deadline: Deadline) -> socket.socket:
    """Open a TCP connection; raises `OSError`."""
    return socket.create_connection((address_text(address), port), timeout=deadline.require())


@dataclass(frozen=True)
class Fetcher:
    """Fetches what the policy allows; `resolve` and `connect` are the two ways out of this process."""

    policy: AddressPolicy
    resolve: Resolve = resolve
    connect: Connect = connect
    seconds: float = SECONDS
    clock: Callable[[], float] = time.monotonic

    def __call__(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """GET `url`, or POST `body` to it; return the body of an answer 200, at most `limit` octets.

        Raises `FetchError`, whatever goes wrong.
        """
        deadline = Deadline(self.seconds, self.clock)
        try:
            target = _target(url)
            with closing(self._open(target, deadline)) as opened:
                return _exchange(_Timed(opened, deadline), target, limit, body, content_type)
        except (OSError, http.client.HTTPException, ValueError, InputError) as error:
            words = str(error) or type(error).__name__  # perhaps the stranger's own: escaped as in `ascii()`, and short
            raise FetchError(f"{url!r}: {ascii(words)[1:-1][:_LONGEST_WORDS]}") from error

    def _open(self, target: SplitResult, deadline: Deadline) -> socket.socket:
        """Connect to the first address that is allowed and answers; each has its share of the time that is left."""
        host = target.hostname or ""
        addresses = self._addresses(host, deadline)
        failures = []
        for place, address in enumerate(addresses):
            try:
                self.policy.check(address)
                share = deadline.within(deadline.left() / (len(addresses) - place))
                return self.connect(address, _port(target), share)
            except (AddressRefused, OSError) as error:
                failures.append(str(error))
        raise OSError(f"{host}: {'; '.join(failures) or 'has no address'}")

    def _addresses(self, host: str, deadline: Deadline) -> Sequence[bytes]:
        try:
            return [address_octets(host)]
        except InputError:
            return self.resolve(host_name(host), deadline)


def _target(url: str) -> SplitResult:
    """Return the parts of a URL that may be fetched; raises `ValueError`."""
    target = urlsplit(url)
    if target.scheme != "http" or not target.hostname or target.username is not None:
        raise ValueError("expected http://HOST/PATH")
    if _port(target) not in PORTS:
        raise ValueError(f"port {target.port} is not fetched from; expected 80 or 443")
    return target


def _port(target: SplitResult) -> int:
    return http.client.HTTP_PORT if target.port is None else target.port


def _exchange(timed: "_Timed", target: SplitResult, limit: int, body: bytes | None, content_type: str) -> bytes:
    connection = http.client.HTTPConnection(target.hostname or "", _port(target))
    connection.sock = cast("socket.socket", timed)
    path = target._replace(scheme="", netloc="", fragment="").geturl() or "/"
    headers = {"User-Agent": "mecai"} | ({"Content-Type": content_type} if body is not None else {})
    connection.request("GET" if body is None else "POST", path, body, headers)
    with connection.getresponse() as response:
        if response.status != http.client.OK:
            raise ValueError(f"answered {response.status}, expected 200")
        data = response.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"answered more than {limit} octets")
    return data


class _Timed:
    """A connected socket as `http.client` uses one, each of whose operations ends at the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.require())
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode  # http.client reads octets only
        return io.BufferedReader(_Reader(self._socket, self._deadline))

    def close(self) -> None:
        """Do nothing: who opened the socket closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # BufferedReader gives a memoryview
        self._socket.settimeout(self._deadline.require())
        return self._socket.recv_into(buffer)
