"""What goes wrong round after round is said once, not each minute: again only when it was good in between."""

import logging
from typing import Final

LOG = logging.getLogger(__name__)

TOLD: Final = 20  # lines that one round adds; what is more, `mecai sidecar status` shows


class Complaints:
    """The lines of this round and of the one before."""

    def __init__(self) -> None:
        self._former: set[str] = set()
        self._now: set[str] = set()

    def say(self, line: str) -> None:
        """Log a line, unless the former round had it too, or this round has said enough."""
        if line not in self._former | self._now and len(self._now - self._former) < TOLD:
            LOG.warning("%s", line)
        self._now.add(line)

    def end_round(self) -> None:
        """Forget what this round did not say."""
        self._former, self._now = self._now, set()
