"""Quotas of requests per minute (docs/spec R9), counted in memory and forgotten with each minute.

Three bounds hold for everybody: on who asks, on each address that is to be probed, and on the certificate. Requests
from an address that is to be probed draw on a quota of their own first, so that nobody can use up a server's; what is
beyond it counts as anybody's.

A requester is an IPv4 address or the IPv6 network of 64 bits around an address: who has one address of that has 2^64.
Like `mecai.vas.admission.in_flight` this holds within one process; nodes that share a database count for themselves.
Time is monotonic: a clock that is set changes nothing.
"""

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mecai.errors import InputError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.vas.config import Bounds
from mecai.vas.refusal import Code, Refusal

WINDOW: Final = 60.0  # seconds
_SITE_BITS: Final = 64  # what one subscriber has at least (RFC 6177)

Clock = Callable[[], float]


class Quota:
    """Counts the requests of the running window; the next window knows nothing of it."""

    def __init__(self, limit: int, clock: Clock = time.monotonic) -> None:
        """Allow `limit` requests per key and window."""
        self._limit = limit
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._end = clock()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Count one request; raises `Refusal` (too-many-requests) beyond the limit."""
        with self._lock:
            now = self._clock()
            if now >= self._end:
                self._counts.clear()
                self._end = now + WINDOW
            self._counts[key] += 1
            if self._counts[key] > self._limit:
                detail = f"more than {self._limit} requests of {key or 'one requester'} in a minute"
                raise Refusal(Code.TOO_MANY_REQUESTS, detail, retry=timedelta(seconds=self._end - now))


class Quotas:
    """All bounds of R9 together."""

    def __init__(self, bounds: Bounds, clock: Clock = time.monotonic) -> None:
        self._requesters = Quota(bounds.requester, clock)
        self._addresses = Quota(bounds.address, clock)
        self._certificates = Quota(bounds.certificate, clock)
        self._own = Quota(bounds.own, clock)

    def take_malformed(self, requester: str) -> None:
        """Count a request that says nothing; raises `Refusal` (too-many-requests)."""
        self._requesters.take(requester_of(requester))

    def take(self, requester: str, request: VoucherRequest) -> None:
        """Count a request; raises `Refusal` (too-many-requests)."""
        own = _octets(requester)
        if own in request.addresses:
            try:
                self._own.take(requester_of(address_text(own)))
            except Refusal:
                pass  # beyond it, it is anybody
            else:
                return
        self._requesters.take(requester_of(requester))
        self._certificates.take(f"certificate {request.hashes[0].hex()}")
        for address in request.addresses:
            self._addresses.take(f"address {address_text(address)}")


def requester_of(address: str) -> str:
    """Return who asks from an address: itself, or the /64 around it; what is no address stays as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found), _SITE_BITS), strict=False))
    return address


def _octets(address: str) -> bytes:
    """Return the octets of an address; none of what is no address."""
    try:
        return address_octets(address)
    except InputError:
        return b""
