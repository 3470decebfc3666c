"""Readiness of a service over HTTP (`/readyz`): what the world is told, and what the log is told.

The world learns whether the service is ready and, if not, which of its checks failed, by name: no path, no schema, no
word of a driver. Those are in the log. An answer is kept for a moment, so that whoever asks often costs little.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

KEPT: Final = 1.0  # seconds

LOG = logging.getLogger(__name__)

ReadinessDocument = tuple[dict[str, Any], int]


class Readiness:
    """Checks by name; each raises if the service is not ready."""

    def __init__(self, checks: Mapping[str, Callable[[], object]], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock = clock
        self._kept: tuple[float, ReadinessDocument] | None = None
        self._lock = threading.Lock()

    def answer(self) -> ReadinessDocument:
        """Return the JSON document and the HTTP status: 200, or 503 with the names of the checks that failed."""
        with self._lock:
            if self._kept is None or self._clock() - self._kept[0] >= KEPT:
                answer = self._ask()
                self._kept = self._clock(), answer
            return self._kept[1]

    def _ask(self) -> ReadinessDocument:
        failed = [name for name, check in self._checks.items() if not _passes(name, check)]
        return ({"status": "not ready", "failed": failed}, 503) if failed else ({"status": "ready"}, 200)


def _passes(name: str, check: Callable[[], object]) -> bool:
    try:
        check()
    except Exception as error:
        LOG.warning("not ready: %s", error, extra={"check": name})
        return False
    return True
