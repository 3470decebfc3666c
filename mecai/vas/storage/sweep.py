"""When a log drops what is too old: seldom, for nobody minds what stays a little longer, and each look costs."""

from datetime import datetime, timedelta
from typing import Final

INTERVAL: Final = timedelta(minutes=1)


class Sweep:
    """Says when it is time, to one process, each `interval`; two threads that both hear it do the same twice."""

    def __init__(self, interval: timedelta = INTERVAL) -> None:
        self._interval = interval
        self._last: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Say whether an interval has passed, which then begins anew."""
        if self._last is not None and self._last <= now < self._last + self._interval:
            return False
        self._last = now
        return True
