"""Quotas of requests per minute and of vouchers per day (docs/spec R9), counted in memory, forgotten with each window.

Who asks is counted at once; the certificate and the addresses that are to be probed only right before the probe, so
that what is refused before, or has its answer already, uses up nobody's quota but the requester's.

Requests of a server that asks about itself draw on quotas of their own, so that nobody can use up a server's; what is
beyond its own counts as anybody's. The same holds for vouchers, each of which stays in the log for long: a server's own
are counted by its own address, which has shown the certificate, and whoever else names that address has no part in it.

What is seen seldom is counted in memory, by each process for itself; what is seen often, beyond an eighth of its limit,
is counted by all nodes together, in the database that they share. So most requests cost it nothing, and N processes let
in at most N-1 eighths more than one does, or twice that where their windows meet. While the database fails, nobody is
let in whom it would have to count; nor is there a voucher without it. A process measures its own windows by a monotonic
clock: one that is set changes nothing.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_text
from mecai.vas.admission.requesters import neighbourhoods_of, networks_of, own_address
from mecai.vas.config import Bounds
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.quotas import Counted

_WIDER: Final = 4  # networks of each width may ask so many times as often as those of the width below
_ALONE: Final = 8  # so much of a limit, an eighth, a process counts without asking the others

Clock = Callable[[], float]
# `QuotaLog.add`: adds to what all nodes have counted, by key, in windows of this length, and returns it.
Share = Callable[[Mapping[str, int], timedelta], Mapping[str, Counted]]


@dataclass(frozen=True)
class Window:
    """What is counted, over how many seconds."""

    counted: str
    seconds: float


MINUTE: Final = Window("requests in a minute", 60.0)
DAY: Final = Window("vouchers in a day", 86_400.0)
REPORTS: Final = Window("reports in a day", 86_400.0)


@dataclass
class _Tally:
    """How often this process has seen a key, how much of it was told to all nodes, until when they had enough of it."""

    seen: int = 0
    told: int = 0
    enough_until: float = 0.0


class Quota:
    """Counts what happens in the running window; the next window knows nothing of it."""

    def __init__(
        self, name: str, limit: int, share: Share | None = None, clock: Clock = time.monotonic, window: Window = MINUTE
    ) -> None:
        """Allow `limit` per key and window; `name` tells its keys from those of others in what nodes share."""
        self._name = name
        self._limit = limit
        self._share = share
        self._clock = clock
        self._window = window
        self._tallies: dict[str, _Tally] = {}
        self._end = clock()
        self._lock = threading.Lock()

    def take(self, keys: Mapping[str, int]) -> None:
        """Count one for each key; raises `Refusal` (too-many-requests) beyond so many times the limit as it says."""
        with self._lock:
            now = self._begin_window()
            for key, times in keys.items():
                self._count(key, times, now)
            often = {key: new for key, times in keys.items() if (new := self._to_tell(key, times))}
        if often and self._share is not None:
            self._tell(self._share, often, keys)

    def take_requester(self, requester: str, networks: Callable[[str], Iterable[str]] = networks_of) -> None:
        """Count one for whoever asks, at each width of network."""
        self.take({network: _WIDER**step for step, network in enumerate(networks(requester))})

    def take_all(self, keys: Iterable[str]) -> None:
        """Count one for each."""
        self.take(dict.fromkeys(keys, 1))

    def _begin_window(self) -> float:
        now = self._clock()
        if now >= self._end:
            kept = {key: tally.enough_until for key, tally in self._tallies.items() if now < tally.enough_until}
            self._tallies = {key: _Tally(enough_until=until) for key, until in kept.items()}
            self._end = now + self._window.seconds
        return now

    def _count(self, key: str, times: int, now: float) -> None:
        tally = self._tallies.setdefault(key, _Tally())
        if now < tally.enough_until:
            self._refuse(key, times, tally.enough_until - now)
        tally.seen += 1
        if tally.seen > self._limit * times:
            self._refuse(key, times, self._end - now)

    def _to_tell(self, key: str, times: int) -> int:
        """Return how many of a key the other nodes have not been told of, and should; they will be."""
        tally = self._tallies[key]
        if tally.seen * _ALONE <= self._limit * times:
            return 0
        new, tally.told = tally.seen - tally.told, tally.seen
        return new

    def _tell(self, share: Share, often: Mapping[str, int], keys: Mapping[str, int]) -> None:
        """Count together with all nodes, and remember what they have had enough of."""
        named = {f"{self._name} {key}": key for key in often}
        found = share({name: often[key] for name, key in named.items()}, timedelta(seconds=self._window.seconds))
        for name, key in named.items():
            if found[name].count > self._limit * keys[key]:
                left = found[name].left.total_seconds()
                with self._lock:
                    self._tallies.setdefault(key, _Tally()).enough_until = self._clock() + left
                self._refuse(key, keys[key], left)

    def _refuse(self, key: str, times: int, left: float) -> None:
        detail = f"more than {self._limit * times} {self._window.counted}: {key or 'one requester'}"
        raise Refusal(Code.TOO_MANY_REQUESTS, detail, retry=timedelta(seconds=left))


class Quotas:
    """All bounds of R9 together."""

    def __init__(self, bounds: Bounds, share: Share | None = None, clock: Clock = time.monotonic) -> None:
        """Count together with other nodes by `share`; without it this process is alone."""

        def quota(name: str, limit: int, window: Window = MINUTE) -> Quota:
            return Quota(name, limit, share, clock, window)

        self._requesters = quota("requester", bounds.requester)
        self._certificates = quota("target", bounds.certificate)
        self._addresses = quota("target", bounds.address)
        self._vouchers = quota("voucher", bounds.vouchers, DAY)
        self._own = quota("own", bounds.own)
        self._own_addresses = quota("own target", bounds.address)
        self._own_vouchers = quota("own voucher", bounds.vouchers, DAY)
        self._reports = quota("report", bounds.reports, REPORTS)

    def take_statement(self, requester: str) -> None:
        """Count what asks for no probe, a statement or what cannot be read; raises `Refusal` (too-many-requests)."""
        self._requesters.take_requester(requester)

    def take_report(self, requester: str) -> None:
        """Count what a client tells of what it saw, by its neighbours too; raises `Refusal` (too-many-requests)."""
        self._reports.take_requester(requester, neighbourhoods_of)

    def take_requester(self, requester: str, request: VoucherRequest) -> bytes | None:
        """Count a request by who asks; return its own address if the request counts as a server's own.

        Raises `Refusal` (too-many-requests).
        """
        if (own := own_address(requester, request)) is not None:
            try:
                self._own.take_requester(requester)
            except Refusal:
                pass  # beyond it, it is anybody
            else:
                return own
        self._requesters.take_requester(requester)
        return None

    def take_targets(self, request: VoucherRequest, own: bytes | None) -> None:
        """Count a request that is about to be probed; raises `Refusal` (too-many-requests)."""
        if own is None:
            self._certificates.take_all([_certificate(request)])
            self._addresses.take_all(map(_address, request.addresses))
        else:
            self._own_addresses.take_all(_address(each) for each in request.addresses if each != own)

    def take_voucher(self, request: VoucherRequest, own: bytes | None, agreed: Collection[bytes]) -> None:
        """Count a voucher for the addresses that agreed, before it is signed; raises `Refusal` (too-many-requests).

        It is a server's own where its own address is one of them. A site of IPv6 is one address: it may show a
        certificate at all of its own.
        """
        if own is not None and own in agreed:
            vouchers, agreed = self._own_vouchers, (own,)
        else:
            vouchers = self._vouchers
        sites = dict.fromkeys(networks_of(address_text(address))[0] for address in agreed)
        vouchers.take_all(f"{_certificate(request)} at {site}" for site in sites)


def _address(address: bytes) -> str:
    return f"address {address_text(address)}"


def _certificate(request: VoucherRequest) -> str:
    return f"certificate {request.hashes[0].hex()}"
