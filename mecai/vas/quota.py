"""A quota of requests per requester and minute (docs/spec R9), counted in memory and forgotten with each minute.

Like `mecai.vas.flight` this holds within one process; nodes that share a database count for themselves.
"""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from mecai.vas.problem import Code, Problem

WINDOW: Final = timedelta(minutes=1)


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
        with self._lock:
            if now >= self._end:
                self._counts.clear()
                self._end = now + WINDOW
            self._counts[requester] += 1
            if self._counts[requester] > self._limit:
                detail = f"more than {self._limit} requests of {requester or 'one requester'} in a minute"
                raise Problem(Code.TOO_MANY_REQUESTS, detail, retry=self._end - now)
