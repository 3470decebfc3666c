"""The VA's own OCSP response, which travels in each of its vouchers (docs/spec O4): fetched, kept, fetched anew.

It is fetched again when half of its validity is over, by whoever needs it then; if that fails, the former serves until
it ends. A VA that is revoked learns it here, and vouches no more.
"""

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.errors import VerificationError
from mecai.evidence import Evidence, Fetch, FetchError, by_ocsp
from mecai.protocol.limits import LIMITS
from mecai.vas.refusal import Code, Refusal

LOG = logging.getLogger(__name__)
RETRY: Final = timedelta(minutes=1)


class OwnStatus:
    """The status of one certificate under its root."""

    def __init__(self, certificate: x509.Certificate, root: x509.Certificate, fetch: Fetch) -> None:
        self._certificate = certificate
        self._root = root
        self._fetch = fetch
        self._evidence: Evidence | None = None
        self._refresh = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def current(self, now: datetime) -> Evidence:
        """Return evidence that is good at `now`; raises `Refusal` (overloaded) if there is none."""
        with self._lock:
            if now >= self._refresh:
                self._renew(now)
            if self._evidence is None or self._evidence.until <= now:
                raise Refusal(Code.OVERLOADED, "the status of this VA's own certificate is not good", retry=RETRY)
            return self._evidence

    def _renew(self, now: datetime) -> None:
        longest = LIMITS.authority_status_lifetime
        try:
            self._evidence = by_ocsp(self._certificate, self._root, now, self._fetch, longest)
            self._refresh = now + (self._evidence.until - now) / 2
        except (VerificationError, FetchError) as error:
            self._refresh = now + RETRY
            if isinstance(error, VerificationError) and error.reason == "revoked":
                self._evidence = None
            LOG.error("own status not renewed: %s", error)  # noqa: TRY400 - a verdict, not a fault
