"""Quotas of requests per minute and of vouchers per day (docs/spec R9), counted in memory, forgotten with each window.

Who asks is counted at once; the certificate and the addresses that are to be probed only when the request has turned
out to be worth a probe, so that what is refused before uses up nobody's quota but the requester's.

Requests of a server that asks about itself draw on quotas of their own, so that nobody can use up a server's; what is
beyond its own counts as anybody's. The same holds for vouchers, each of which stays in the log for long.

Like `mecai.vas.admission.in_flight` this holds within one process; nodes that share a database count for themselves.
Time is monotonic: a clock that is set changes nothing.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.vas.admission.requesters import asks_about_itself, networks_of
from mecai.vas.config import Bounds
from mecai.vas.refusal import Code, Refusal

_WIDER: Final = 4  # networks of each width may ask so many times as often as those of the width below

Clock = Callable[[], float]


@dataclass(frozen=True)
class Window:
    """What is counted, over how many seconds."""

    counted: str
    seconds: float


MINUTE: Final = Window("requests in a minute", 60.0)
DAY: Final = Window("vouchers in a day", 86_400.0)


class Quota:
    """Counts what happens in the running window; the next window knows nothing of it."""

    def __init__(self, limit: int, clock: Clock = time.monotonic, window: Window = MINUTE) -> None:
        """Allow `limit` per key and window."""
        self._limit = limit
        self._clock = clock
        self._window = window
        self._counts: Counter[str] = Counter()
        self._end = clock()
        self._lock = threading.Lock()

    def take(self, key: str, times: int = 1) -> None:
        """Count one; raises `Refusal` (too-many-requests) beyond so many times the limit."""
        limit = self._limit * times
        with self._lock:
            now = self._clock()
            if now >= self._end:
                self._counts.clear()
                self._end = now + self._window.seconds
            self._counts[key] += 1
            if self._counts[key] > limit:
                detail = f"more than {limit} {self._window.counted}: {key or 'one requester'}"
                raise Refusal(Code.TOO_MANY_REQUESTS, detail, retry=timedelta(seconds=self._end - now))

    def take_requester(self, requester: str) -> None:
        """Count one for whoever asks, at each width of network."""
        for step, network in enumerate(networks_of(requester)):
            self.take(network, _WIDER**step)

    def take_all(self, keys: Iterable[str]) -> None:
        """Count one for each."""
        for key in keys:
            self.take(key)


class Quotas:
    """All bounds of R9 together."""

    def __init__(self, bounds: Bounds, clock: Clock = time.monotonic) -> None:
        self._requesters = Quota(bounds.requester, clock)
        self._certificates = Quota(bounds.certificate, clock)
        self._addresses = Quota(bounds.address, clock)
        self._vouchers = Quota(bounds.vouchers, clock, DAY)
        self._own = Quota(bounds.own, clock)
        self._own_addresses = Quota(bounds.address, clock)
        self._own_vouchers = Quota(bounds.vouchers, clock, DAY)

    def take_malformed(self, requester: str) -> None:
        """Count a request that says nothing; raises `Refusal` (too-many-requests)."""
        self._requesters.take_requester(requester)

    def take_requester(self, requester: str, request: VoucherRequest) -> bool:
        """Count a request by who asks; tell whether it counts as a server's own. Raises `Refusal`."""
        if asks_about_itself(requester, request):
            try:
                self._own.take_requester(requester)
            except Refusal:
                pass  # beyond it, it is anybody
            else:
                return True
        self._requesters.take_requester(requester)
        return False

    def take_targets(self, requester: str, request: VoucherRequest, *, own: bool) -> None:
        """Count a request that is worth a probe; raises `Refusal` (too-many-requests)."""
        addresses = [f"address {address_text(address)}" for address in request.addresses]
        if own:
            itself = f"address {address_text(address_octets(requester))}"
            self._own_addresses.take_all(each for each in addresses if each != itself)
        else:
            self._certificates.take(_certificate(request))
            self._addresses.take_all(addresses)

    def take_voucher(self, requester: str, request: VoucherRequest, addresses: Iterable[bytes]) -> None:
        """Count a voucher for the addresses that agreed, before it is signed; raises `Refusal` (too-many-requests).

        A site of IPv6 is one address: it may show a certificate at all of its own.
        """
        sites = dict.fromkeys(networks_of(address_text(address))[0] for address in addresses)
        vouchers = self._own_vouchers if asks_about_itself(requester, request) else self._vouchers
        vouchers.take_all(f"{_certificate(request)} at {site}" for site in sites)


def _certificate(request: VoucherRequest) -> str:
    return f"certificate {request.hashes[0].hex()}"
