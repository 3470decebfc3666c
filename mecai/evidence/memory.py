"""What a collector keeps in memory, bounded in octets: evidence for a while, lists while they are read.

A certificate names what it pleases, and a revocation list may have 16 MiB, of which a parser makes three times as many.
So few lists are read at once, and of one host only one: who answers slowly holds up nobody but those who ask there. A
few threads read them all, for the allocator (glibc's) keeps for each thread what that thread once had.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from mecai.evidence.status import Evidence
from mecai.net.fetch import FetchError

KEPT_FOR: Final = timedelta(minutes=10)
KEPT_OCTETS: Final = 32 * 1024 * 1024
LISTS: Final = 4  # at once
PATIENCE: Final = 5.0  # seconds that a list waits for its turn
_OVERHEAD: Final = 2048  # octets of a piece of evidence beside its response


class Kept:
    """Evidence by certificate, for `kept_for` and never beyond its end; the oldest goes where room is needed."""

    def __init__(self, kept_for: timedelta, octets: int) -> None:
        self._kept_for = kept_for
        self._room = octets
        self._pieces: OrderedDict[bytes, tuple[datetime, Evidence]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, certificate_hash: bytes, now: datetime) -> Evidence | None:
        """Return what is still good."""
        with self._lock:
            until, evidence = self._pieces.get(certificate_hash, (now, None))
            return evidence if now < until else None

    def remember(self, evidence: Evidence, now: datetime) -> None:
        """Keep a piece for a while."""
        key = evidence.status.certificate_hash
        with self._lock:
            if key in self._pieces:
                self._room += _octets(self._pieces.pop(key)[1])
            self._pieces[key] = (min(now + self._kept_for, evidence.until), evidence)
            self._room -= _octets(evidence)
            while self._room < 0:
                _, (_, oldest) = self._pieces.popitem(last=False)
                self._room += _octets(oldest)


class Lists:
    """The turns of those who fetch and read revocation lists."""

    def __init__(self) -> None:
        self._readers = ThreadPoolExecutor(LISTS, thread_name_prefix="list")
        self._hosts: set[str] = set()
        self._changed = threading.Condition()

    def read(self, host: str, work: Callable[[], Evidence]) -> Evidence:
        """Do the work of reading a list of `host`; raises what it raises, and `FetchError` if others take too long."""
        with self._turn(host):
            return self._readers.submit(work).result()

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: host not in self._hosts and len(self._hosts) < LISTS, PATIENCE):
                raise FetchError(f"{host}: too many other lists are being read")
            self._hosts.add(host)
        try:
            yield
        finally:
            with self._changed:
                self._hosts.discard(host)
                self._changed.notify_all()


def _octets(evidence: Evidence) -> int:
    return _OVERHEAD + len(evidence.response or b"")
