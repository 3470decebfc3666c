"""The head of an HTTP/1.1 request, bounded in octets and in time, and how an answer is written.

Nothing of a head is ever passed on, so that no other program can read it otherwise (request smuggling): after CONNECT
octets go through as they are, and all other requests end here. What is not of the plain form is refused.
"""

import asyncio
import http.client
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from typing import Final

from mecai.service.printable import words

LIMIT: Final = 65536  # octets of a head: browsers add a site's cookies
FIELDS: Final = 99  # of a head: http.client takes 100 lines, the empty one among them
SECONDS: Final = 10.0  # for a head to come
_END: Final = b"\r\n\r\n"
_OCTETS: Final = 4096
_LINGER: Final = 1.0  # seconds for a client to read an answer before it is hung up on
# RFC 9112, sections 3 and 5: three words, then fields, each ending in CR LF, none of them folded.
_REQUEST: Final = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,8192}) HTTP/1\.[01]\r\n")
_FIELD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}:[\t -~\x80-\xff]*\r\n"
_FIELDS: Final = re.compile(rb"(?:%b){0,%d}\r\n" % (_FIELD, FIELDS))


class Declined(Exception):
    """What was asked for is not done: `status` and one line for whoever asked."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Head:
    """What a request says before its body."""

    method: str
    target: str
    fields: Message


def parse_head(octets: bytes) -> Head:
    """Read a head, its empty line included; raises `Declined`."""
    line = _REQUEST.match(octets)
    if line is None or _FIELDS.fullmatch(octets, line.end()) is None:
        raise Declined(HTTPStatus.BAD_REQUEST, "this is no HTTP/1.1 request of the plain form")
    try:
        fields = http.client.parse_headers(BytesIO(octets[line.end() :]))
    except http.client.HTTPException as error:
        raise Declined(HTTPStatus.BAD_REQUEST, f"the request's fields cannot be read: {words(error)}") from error
    return Head(line[1].decode("ascii"), line[2].decode("ascii"), fields)


async def receive_head(plain: socket.socket) -> Head | None:
    """Return the head that comes from a client in the clear, None if it goes without a word.

    Raises `Declined`, also for what follows the head at once: a client of a tunnel waits for the answer.
    """
    loop, heard = asyncio.get_running_loop(), b""
    try:
        async with asyncio.timeout(SECONDS):
            while _END not in heard:
                octets = await loop.sock_recv(plain, _OCTETS)
                if not octets and not heard:
                    return None
                heard += octets
                if not octets or len(heard) > LIMIT:
                    raise Declined(*_unfinished(too_long=len(heard) > LIMIT))
    except TimeoutError:
        raise Declined(HTTPStatus.REQUEST_TIMEOUT, f"no request came within {SECONDS:.0f} s") from None
    size = heard.index(_END) + len(_END)
    head = parse_head(heard[:size])
    if head.method == "CONNECT" and len(heard) > size:
        raise Declined(HTTPStatus.BAD_REQUEST, "a tunnel is used before it stands")
    return head


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Return the head that comes inside a tunnel; raises `Declined`, and `EOFError` where none comes."""
    try:
        async with asyncio.timeout(SECONDS):
            return parse_head(await reader.readuntil(_END))
    except TimeoutError:
        raise Declined(HTTPStatus.REQUEST_TIMEOUT, f"no request came within {SECONDS:.0f} s") from None
    except asyncio.LimitOverrunError:
        raise Declined(*_unfinished(too_long=True)) from None


def _unfinished(*, too_long: bool) -> tuple[HTTPStatus, str]:
    if too_long:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the request's head has more than {LIMIT} octets"
    return HTTPStatus.BAD_REQUEST, "the request's head has no end"


def answer(status: HTTPStatus, kind: str, body: bytes, fields: Mapping[str, str] | None = None) -> bytes:
    """Write an answer after which the connection ends; nobody keeps it, guesses at its kind or shows it to others."""
    every = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        **(fields or {}),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in every.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def plain_answer(declined: Declined) -> bytes:
    """Write what is declined as text."""
    return answer(declined.status, "text/plain; charset=utf-8", f"mecai client proxy: {declined}\n".encode())


async def say(plain: socket.socket, octets: bytes) -> None:
    """Send an answer, and wait a little until it is read: octets that came unread would destroy it (RFC 9112, 9.6)."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(SECONDS):
        await loop.sock_sendall(plain, octets)
        plain.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(_LINGER):
        while await loop.sock_recv(plain, LIMIT):
            pass
