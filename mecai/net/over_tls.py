"""One HTTP exchange over TLS with a URL: connect, shake hands, ask, all within one deadline."""

import math
import ssl
from collections.abc import Mapping

from mecai.net.dial import dial
from mecai.net.exchange import Answer, exchange
from mecai.net.handshake import shake_hands
from mecai.net.url import Target
from mecai.service.deadline import Deadline


def over_tls(
    target: Target,
    context: ssl.SSLContext,
    deadline: Deadline,
    limit: int,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    connect_seconds: float = math.inf,  # for the connection alone
) -> Answer:
    """GET `target`, or POST `body` to it, with at most `limit` octets of an answer; raises `OSError`."""
    plain = dial(target.host, target.port, deadline.within(connect_seconds))
    with shake_hands(plain, context, target.host, deadline) as secure:
        return exchange(secure, target, deadline, limit, body=body, headers=headers)
