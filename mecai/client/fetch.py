"""One connection and one page, for the command line: bounded in size and in time, no proxy.

The addresses of a name are raced (`mecai.net.race`), but only for as long as none answers at TCP. From the ClientHello
on, the first address that answered is final (docs/spec, M2): whoever has read which authorities the client named must
not get another draw by hanging up, and a refusal that silently became a success elsewhere would hide the attack from
the person who could report it.
"""

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final, cast

from mecai.client import starttls
from mecai.client.context import VoucherContext
from mecai.client.gate import within
from mecai.client.request import PLAIN, Destination, Request
from mecai.client.sockets import VoucherSocket
from mecai.client.verdict import Refused, Verdict
from mecai.errors import HostError, VerificationError
from mecai.net.dial import dial
from mecai.net.exchange import exchange
from mecai.net.handshake import shake_hands
from mecai.net.resolve import Resolve, from_system
from mecai.net.url import STARTTLS_PORTS
from mecai.protocol.verify.intranet import RULE
from mecai.service.deadline import Deadline
from mecai.service.printable import words

PAGE_LIMIT: Final = 1024 * 1024  # octets
FILE_LIMIT: Final = 64 * PAGE_LIMIT  # of a page that goes to a file


@dataclass(frozen=True)
class Timings:
    """Seconds."""

    connect: float
    handshake: float
    verification: float


@dataclass(frozen=True)
class JudgedConnection:
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


def connect(
    destination: Destination, context: VoucherContext, deadline: Deadline, resolve: Resolve = from_system
) -> JudgedConnection:
    """Connect and judge; where the scheme begins in the clear, after STARTTLS.

    Raises `Unreachable` if no address answers, `VerificationError` (handshake-failed, certificate-invalid, in a private
    network pin-mismatch) where ordinary TLS already fails. A refusal is a result, not an error.
    """
    start = time.perf_counter()
    plain = dial(destination.host, destination.port, deadline, resolve=resolve)
    reached = time.perf_counter()
    sock = None
    try:
        if destination.scheme in STARTTLS_PORTS:
            _begin(plain, destination.scheme, deadline)
        with within(deadline):
            sock = cast("VoucherSocket", shake_hands(plain, context, destination.host, deadline))
        verdict = cast("Verdict", sock.verdict)
    except Refused as refusal:
        verdict = refusal.verdict
    except ssl.SSLCertVerificationError as error:
        raise invalid(destination.host, error, private=context.is_private(destination.host)) from error
    except OSError as error:
        raise VerificationError("handshake-failed", "TLS", f"{destination.host}: {words(error)}") from error
    handshake = time.perf_counter() - reached - verdict.seconds
    return JudgedConnection(sock, verdict, Timings(reached - start, handshake, verdict.seconds))


def _begin(plain: socket.socket, protocol: str, deadline: Deadline) -> None:
    """Say in the clear what goes before TLS; raises `OSError`, and `plain` is closed then."""
    try:
        starttls.begin(plain, protocol, deadline)
    except BaseException:
        plain.close()
        raise


def invalid(host: str, error: ssl.SSLCertVerificationError, *, private: bool) -> VerificationError:
    """Return what a failed ordinary validation comes to: the private roots alone are trusted where they count."""
    detail = f"{host}: {error.verify_message}"
    if private:
        return VerificationError("pin-mismatch", RULE, detail)
    return VerificationError("certificate-invalid", "C4", detail)


def get(
    connection: JudgedConnection,
    destination: Destination,
    deadline: Deadline,
    request: Request = PLAIN,
    limit: int = PAGE_LIMIT,
) -> Page:
    """Ask over a connection that was not refused, for `limit` octets at most; raises `HostError`."""
    sock = cast("VoucherSocket", connection.socket)
    try:
        answer = exchange(
            sock, destination, deadline, limit, body=request.body, headers=request.headers, method=request.method
        )
    except OSError as error:
        raise HostError(f"{destination.url}: connected, but got no page ({words(error)})") from error
    return Page(
        status=answer.status,
        phrase=answer.phrase,
        content_type=answer.headers.get("Content-Type", ""),
        location=answer.headers.get("Location"),
        body=answer.body,
        complete=answer.complete,
    )
