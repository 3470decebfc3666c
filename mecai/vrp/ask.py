"""One question to one Voucher Authority Server (docs/spec, R1, R2, R7), from the side of the server's operator.

HTTPS with the roots that the directory pins for this VAS, and no other; no redirect is followed, no proxy is used. The
answer is bounded in size and in time: whatever the VAS does, `ask` ends. A voucher comes back unjudged.
"""

import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline

SECONDS: Final = 40.0  # a VAS takes 30 at most (R4)
CONNECT_SECONDS: Final = 10.0
REQUEST_TYPE: Final = "application/mecai-voucher-request"
VOUCHER_TYPE: Final = "application/mecai-voucher"
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_LONGEST_LINE: Final = 300


@dataclass(frozen=True)
class Held:
    """The certificate was seen for the first time: a voucher can be had from `until` on."""

    until: datetime


class Refused(HostError):
    """A VAS gave no voucher. `final`: another server of the same authority would say the same."""

    def __init__(self, line: str, *, final: bool = False) -> None:
        super().__init__(line)
        self.final = final


def ask(server: Server, request: bytes, seconds: float = SECONDS) -> bytes | Held:
    """Send a DER VoucherRequest and return the voucher as it came, or when to come again; raises `Refused`."""
    url = urlsplit(server.url)
    headers = {"Content-Type": REQUEST_TYPE, "Accept": f"{VOUCHER_TYPE}, application/json"}
    try:
        with _connected(server, url.hostname or "", url.port, seconds) as connection:
            connection.request("POST", f"{url.path.rstrip('/')}/v1/vouchers", request, headers)
            response = connection.getresponse()
            body = response.read(LIMITS.voucher_size + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"{server.url}: {_words(error)}") from error
    return _understand(server.url, response, body)


@contextmanager
def _connected(server: Server, host: str, port: int | None, seconds: float) -> Iterator[http.client.HTTPSConnection]:
    """Give a connection that trusts the pinned roots only, and that is cut off after `seconds`.

    The cut is a timer's, for the timeout of a socket begins anew with each octet that arrives.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=b"".join(root.public_bytes(Encoding.DER) for root in server.roots))
    connection = http.client.HTTPSConnection(host, port, context=context)
    plain = _connect(host, connection.port, Deadline(min(CONNECT_SECONDS, seconds)))
    with context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False) as secure:
        secure.settimeout(seconds)
        with _cut_off_after(secure, seconds):
            secure.do_handshake()
            connection.sock = secure
            yield connection
        connection.close()


def _connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each has its share of the time, however many there are."""
    failure = OSError("the name has no address")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for place, (*_, address) in enumerate(found):
        try:
            return socket.create_connection((str(address[0]), port), deadline.require() / (len(found) - place))
        except OSError as error:
            failure = error
    raise failure


@contextmanager
def _cut_off_after(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Let a timer end what a socket does; raises `TimeoutError` if it had to, whatever that looked like inside."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):  # below TLS: `SSLSocket.shutdown` is not for two threads
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"took longer than {seconds:g} s")


def _understand(url: str, response: http.client.HTTPResponse, body: bytes) -> bytes | Held:
    """Read an answer as docs/spec R7 has it."""
    kind = response.headers.get_content_type()
    if response.status == HTTPStatus.OK and kind == VOUCHER_TYPE:
        if len(body) > LIMITS.voucher_size:
            raise Refused(f"{url}: sent a voucher of more than {LIMITS.voucher_size} octets", final=True)
        return body
    try:
        document = json.loads(body)
        if response.status == HTTPStatus.ACCEPTED:
            return Held(datetime.fromisoformat(document["holdEnd"]).astimezone(UTC))
        code, detail = str(document["type"]).rpartition("/")[2], str(document["detail"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:  # the last: brackets without end
        raise Refused(f"{url}: answered {response.status} {kind}, which says nothing") from error
    raise Refused(f"{url}: {_printable(f'{code}: {detail}')}", final=response.status < HTTPStatus.INTERNAL_SERVER_ERROR)


def _words(error: Exception) -> str:
    """Say what went wrong in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not one that the directory pins ({error.verify_message})"
    return _printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _printable(text: str) -> str:
    """Return at most a line of what a terminal shows and does not obey."""
    return _UNPRINTABLE.sub("?", text)[:_LONGEST_LINE]
