"""Readiness of a service over HTTP (`/readyz`): what the world is told, and what the log is told.

The world learns whether the service is ready and, if not, which of its checks failed, by name: no path, no schema, no
word of a driver. Those are in the log. Checks that take too long are `unanswered`. While it is ready, concerns that
failed are named: a person has to look, and the service goes on for all others. An answer is kept for a moment, so that
whoever asks often costs little.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

KEPT: Final = 1.0  # seconds
PATIENCE: Final = 2.0  # seconds that who asks waits for who asks already: threads that wait answer nobody else
UNANSWERED: Final = "unanswered"  # in the place of a check: they have not come to an end

LOG = logging.getLogger(__name__)

Checks = Mapping[str, Callable[[], object]]
ReadinessDocument = tuple[dict[str, Any], int]


class Readiness:
    """Checks by name; each raises if the service is not ready. Each of `concerns` raises if a person has to look."""

    def __init__(
        self, checks: Checks, clock: Callable[[], float] = time.monotonic, *, concerns: Checks = MappingProxyType({})
    ) -> None:
        self._checks = checks
        self._concerns = concerns
        self._clock = clock
        self._kept: tuple[float, ReadinessDocument] | None = None
        self._lock = threading.Lock()

    def answer(self) -> ReadinessDocument:
        """Return the JSON document and the HTTP status: 200, or 503 with the names of the checks that failed."""
        if not self._lock.acquire(timeout=PATIENCE):
            return {"status": "not ready", "failed": [UNANSWERED]}, 503
        try:
            if self._kept is None or self._clock() - self._kept[0] >= KEPT:
                answer = self._ask()
                self._kept = self._clock(), answer
            return self._kept[1]
        finally:
            self._lock.release()

    def _ask(self) -> ReadinessDocument:
        if failed := _failing(self._checks, "not ready"):
            return {"status": "not ready", "failed": failed}, 503
        concerns = _failing(self._concerns, "concern")
        return {"status": "ready"} | ({"concerns": concerns} if concerns else {}), 200


def _failing(checks: Checks, meaning: str) -> list[str]:
    return [name for name, check in checks.items() if not _passes(name, check, meaning)]


def _passes(name: str, check: Callable[[], object], meaning: str) -> bool:
    try:
        check()
    except Exception as error:
        LOG.warning("%s: %s", meaning, error, extra={"check": name})
        return False
    return True
