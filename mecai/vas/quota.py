"""A quota of requests per requester and minute (docs/spec R9), counted in memory and forgotten with each minute.

A requester is an IPv4 address or the IPv6 network of 64 bits around an address: who has one address of that has 2^64.
Like `mecai.vas.flight` this holds within one process; nodes that share a database count for themselves.
"""

import ipaddress
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from mecai.vas.problem import Code, Problem

WINDOW: Final = timedelta(minutes=1)
_SITE_BITS: Final = 64  # what one subscriber has at least (RFC 6177)


class Quota:
    """Counts the requests of the running window; the next window knows nothing of it."""

    def __init__(self, limit: int) -> None:
        """Allow `limit` requests per requester and window."""
        self._limit = limit
        self._counts: Counter[str] = Counter()
        self._end = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def take(self, requester: str, now: datetime) -> None:
        """Count one request; raises `Problem` (too-many-requests) beyond the limit."""
        requester = requester_of(requester)
        with self._lock:
            if now >= self._end:
                self._counts.clear()
                self._end = now + WINDOW
            self._counts[requester] += 1
            if self._counts[requester] > self._limit:
                detail = f"more than {self._limit} requests of {requester or 'one requester'} in a minute"
                raise Problem(Code.TOO_MANY_REQUESTS, detail, retry=self._end - now)


def requester_of(address: str) -> str:
    """Return who asks from an address: itself, or the /64 around it; what is no address stays as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found), _SITE_BITS), strict=False))
    return address
