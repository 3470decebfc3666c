"""Collects the evidence for a chain: one piece for each certificate but the root (docs/spec, E1).

OCSP is preferred, then a CRL; an end entity that lives a week at most may do without either. `revoked`, wherever it is
said, refuses at once. What was learned is kept for a while, never beyond its nextUpdate; failures are not kept. Why
nothing could be fetched is said in the log alone: whoever named the certificate is not to learn what answers where.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import VerificationError
from mecai.evidence.status import Evidence, by_crl, by_lifetime, by_ocsp
from mecai.net.fetch import Fetch, FetchError

KEPT_FOR: Final = timedelta(minutes=10)
KEPT: Final = 4096  # pieces of evidence

LOG = logging.getLogger(__name__)


class Collector:
    """Collects evidence through `fetch`; safe for use by several threads."""

    def __init__(self, fetch: Fetch, kept_for: timedelta = KEPT_FOR, kept: int = KEPT) -> None:
        self._fetch = fetch
        self._kept_for = kept_for
        self._kept = kept
        self._memory: OrderedDict[bytes, tuple[datetime, Evidence]] = OrderedDict()
        self._lock = threading.Lock()

    def collect(self, chain: Sequence[x509.Certificate], now: datetime) -> tuple[Evidence, ...]:
        """Return the evidence for a validated chain, end entity first and root last, in its order.

        Raises `VerificationError` under V11: `revoked`, which goes before all else, or `status-missing`.
        """
        pairs = list(pairwise(chain))

        def outcome(place: int) -> Evidence | VerificationError:
            try:
                return self._evidence(*pairs[place], now, end_entity=place == 0)
            except VerificationError as error:
                return error

        with ThreadPoolExecutor(max_workers=len(chain), thread_name_prefix="evidence") as pool:
            outcomes = list(pool.map(outcome, range(len(pairs))))
        if refusals := [each for each in outcomes if isinstance(each, VerificationError)]:
            raise next((error for error in refusals if error.reason == "revoked"), refusals[0])
        return tuple(each for each in outcomes if isinstance(each, Evidence))

    def _evidence(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, *, end_entity: bool
    ) -> Evidence:
        key = certificate.public_bytes(Encoding.DER)
        if (known := self._recall(key, now)) is not None:
            return known
        ways: list[Callable[[], Evidence]] = [
            lambda: by_ocsp(certificate, issuer, now, self._fetch),
            lambda: by_crl(certificate, issuer, now, self._fetch),
        ]
        if end_entity:
            ways.append(lambda: by_lifetime(certificate))
        evidence = _first_good(ways, certificate)
        self._remember(key, evidence, now)
        return evidence

    def _recall(self, key: bytes, now: datetime) -> Evidence | None:
        with self._lock:
            until, evidence = self._memory.get(key, (now, None))
            return evidence if now < until else None

    def _remember(self, key: bytes, evidence: Evidence, now: datetime) -> None:
        with self._lock:
            self._memory[key] = (min(now + self._kept_for, evidence.until), evidence)
            self._memory.move_to_end(key)
            while len(self._memory) > self._kept:
                self._memory.popitem(last=False)


def _first_good(ways: Sequence[Callable[[], Evidence]], certificate: x509.Certificate) -> Evidence:
    """Return what the first way brings that brings anything; `revoked` ends the search."""
    failures = []
    for way in ways:
        try:
            return way()
        except VerificationError as error:
            if error.reason == "revoked":
                raise
            failures.append(error.detail)
        except FetchError as error:
            LOG.warning("evidence not fetched: %s", error)
            failures.append("what it names cannot be fetched")
    name = certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number:x}"
    raise VerificationError("status-missing", "V11", f"{name}: {'; '.join(dict.fromkeys(failures))}")
