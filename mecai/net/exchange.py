"""One HTTP exchange over a connection that stands (plain or TLS), bounded in time and in size.

No redirect is followed, nothing is compressed. The connection is not used again, unless whoever asks keeps it.
"""

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from mecai.net.cut_off import cut_off
from mecai.net.url import Target
from mecai.service.deadline import Deadline
from mecai.service.printable import words


@dataclass(frozen=True)
class Answer:
    """What came back; `complete` is False where the body was cut off at the limit.

    `lasting` says that another exchange may follow on the connection: both sides keep it, and the answer is read.
    """

    status: int
    phrase: str
    headers: Message
    body: bytes
    complete: bool
    lasting: bool


def exchange(
    connected: socket.socket,
    target: Target,
    deadline: Deadline,
    limit: int,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
    keep: bool = False,
) -> Answer:
    """GET `target`, or POST `body` to it, unless a `method` is named; return the answer with `limit` octets at most.

    Of a field that is here and in `headers`, theirs is sent. Where the connection is to be used again (`keep`), the
    answer says whether it can be.

    An answer that a server gives before it has read the whole request counts, also if it then hangs up (RFC 9112,
    section 9.5): it says why. Raises `OSError`, whatever goes wrong.
    """
    others = dict(headers or {})
    own = {"Host": target.authority, "User-Agent": "mecai", **({} if keep else {"Connection": "close"})}
    fields = {name: value for name, value in own.items() if name.lower() not in map(str.lower, others)} | others
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = connected
    with cut_off(connected, deadline):
        asked = method or ("GET" if body is None else "POST")
        unsent = _send(connection, asked, target.path, body, fields)
        try:
            return _receive(connection, limit)
        except (OSError, http.client.HTTPException) as error:
            raise unsent or OSError(words(error)) from error


def _send(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, fields: Mapping[str, str]
) -> OSError | None:
    """Send a request; what stops it is returned, for the answer may be there already."""
    try:
        connection.request(method, path, body, fields)
    except OSError as error:
        return error
    return None


def _receive(connection: http.client.HTTPConnection, limit: int) -> Answer:
    with connection.getresponse() as response:
        body = response.read(limit + 1)
        lasting = response.isclosed() and not response.will_close
    complete = len(body) <= limit
    if complete and response.length:  # `read` with a limit takes the end of the connection for the end of the body
        raise http.client.IncompleteRead(body, response.length)
    return Answer(response.status, response.reason, response.headers, body[:limit], complete, lasting)
