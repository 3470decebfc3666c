"""Collects the evidence for a chain: one piece for each certificate but the root (docs/spec, E1).

OCSP is preferred, then a CRL; an end entity that lives a week at most may do without either. `revoked`, wherever it is
said, refuses at once. What was learned is kept for a while, never beyond its nextUpdate; failures are not kept. Why
nothing could be fetched is said in the log alone: whoever named the certificate is not to learn what answers where.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509

from mecai.errors import VerificationError
from mecai.evidence.memory import KEPT_FOR, KEPT_OCTETS, Kept, Lists
from mecai.evidence.status import Evidence, by_crl, by_lifetime, by_ocsp, crl_host
from mecai.net.fetch import SECONDS, Fetch, FetchError
from mecai.protocol.pki.identity import hash_of
from mecai.service.at_once import at_once

# How long a chain may take, whose certificates are asked for at once: OCSP, the turn at a host's list, and that list.
COLLECT_SECONDS: Final = 3 * SECONDS
LOG = logging.getLogger(__name__)


class Collector:
    """Collects evidence through `fetch`; safe for use by several threads.

    `count` is told of each piece that is asked for whether it was kept in memory.
    """

    def __init__(
        self,
        fetch: Fetch,
        kept_for: timedelta = KEPT_FOR,
        kept_octets: int = KEPT_OCTETS,
        count: Callable[[bool], None] = lambda _kept: None,
    ) -> None:
        self._count = count
        self._fetch = fetch
        self._kept = Kept(kept_for, kept_octets)
        self._lists = Lists()

    def collect(self, chain: Sequence[x509.Certificate], now: datetime) -> tuple[Evidence, ...]:
        """Return the evidence for a validated chain, end entity first and root last, in its order.

        Raises `VerificationError` under V11: `revoked`, which goes before all else, or `status-missing`.
        """
        places = list(enumerate(pairwise(chain)))
        known = [self._recall(certificate, now) for _, (certificate, _) in places]
        missing = [place for place, evidence in zip(places, known, strict=True) if evidence is None]
        found = iter(at_once(lambda place: self._outcome(*place, now), missing, "evidence"))
        return _all_good([evidence or next(found) for evidence in known])

    def _recall(self, certificate: x509.Certificate, now: datetime) -> Evidence | None:
        known = self._kept.recall(hash_of(certificate), now)
        self._count(known is not None)
        return known

    def _outcome(
        self, place: int, pair: tuple[x509.Certificate, x509.Certificate], now: datetime
    ) -> Evidence | VerificationError:
        try:
            return self._evidence(*pair, now, end_entity=place == 0)
        except VerificationError as error:
            return error

    def _evidence(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, *, end_entity: bool
    ) -> Evidence:
        ways: list[Callable[[], Evidence]] = [
            lambda: by_ocsp(certificate, issuer, now, self._fetch),
            lambda: self._by_crl(certificate, issuer, now),
        ]
        if end_entity:
            ways.append(lambda: by_lifetime(certificate))
        evidence = _first_good(ways, certificate)
        self._kept.remember(evidence, now)
        return evidence

    def _by_crl(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Evidence:
        return self._lists.read(crl_host(certificate), lambda: by_crl(certificate, issuer, now, self._fetch))


def _all_good(outcomes: Sequence[Evidence | VerificationError]) -> tuple[Evidence, ...]:
    """Return the evidence, or raise what speaks against it: `revoked` before all else."""
    if refusals := [each for each in outcomes if isinstance(each, VerificationError)]:
        raise next((error for error in refusals if error.reason == "revoked"), refusals[0])
    return tuple(each for each in outcomes if isinstance(each, Evidence))


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
