"""Slots: how many requests are at work at once, and whose (docs/spec R9).

A probe lasts as long as its target pleases, within bounds, and targets are free to choose. So no requester has more
than a share of the slots, and some slots are kept for servers that ask about themselves: one for each, and none for a
while for a server that has held one long. However many strangers let a VAS knock at silent doors, a server is served.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from mecai.vas.admission.requesters import networks_of
from mecai.vas.refusal import Code, Refusal

BUSY: Final = timedelta(seconds=5)  # when to try again
SHARES: Final = 3  # one requester has a third of the slots at most; another third is kept
LONG: Final = 3.0  # seconds in a kept slot, after which
PAUSE: Final = 900.0  # for so many the same requester has none: all are held by hundreds of addresses only


class Slots:
    """`parallel` slots, for requests that are at work."""

    def __init__(self, parallel: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._share = max(1, parallel // SHARES)
        self._kept_free = parallel // SHARES
        self._free = parallel - self._kept_free
        self._at_work: Counter[str] = Counter()  # by network, in slots for everybody
        self._keeping: Counter[str] = Counter()  # by network, in kept slots
        self._paused: dict[str, float] = {}  # the widest network of who held a kept slot long, and until when
        self._lock = threading.Lock()

    @contextmanager
    def held(self, requester: str, *, own: bool) -> Iterator[None]:
        """Hold a slot; raises `Refusal` (too-many-requests, overloaded) at once if there is none."""
        networks = networks_of(requester)
        leave = self._enter_kept(networks) if own else None
        leave = leave or self._enter(networks)
        try:
            yield
        finally:
            with self._lock:
                leave()

    def _enter(self, networks: tuple[str, ...]) -> Callable[[], None]:
        with self._lock:
            if any(self._at_work[network] >= self._share for network in networks):
                detail = f"{self._share} requests of one requester are at work already"
                raise Refusal(Code.TOO_MANY_REQUESTS, detail, retry=BUSY)
            if not self._free:
                raise Refusal(Code.OVERLOADED, "too many requests are at work", retry=BUSY)
            self._free -= 1
            self._at_work.update(networks)

        def leave() -> None:
            self._free += 1
            self._at_work = _without(self._at_work, networks)

        return leave

    def _enter_kept(self, networks: tuple[str, ...]) -> Callable[[], None] | None:
        with self._lock:
            start = self._clock()
            self._end_pauses(start)
            if not self._kept_free or networks[-1] in self._paused or any(map(self._keeping.get, networks)):
                return None
            self._kept_free -= 1
            self._keeping.update(networks)

        def leave() -> None:
            self._kept_free += 1
            self._keeping = _without(self._keeping, networks)
            if (now := self._clock()) - start > LONG:
                self._paused[networks[-1]] = now + PAUSE

        return leave

    def _end_pauses(self, now: float) -> None:
        """Forget those that are over; who was paused first is first."""
        while self._paused and next(iter(self._paused.values())) <= now:
            del self._paused[next(iter(self._paused))]


def _without(counts: Counter[str], networks: tuple[str, ...]) -> Counter[str]:
    """Return what is left; who is at zero drops out."""
    return counts - Counter(networks)
