"""What the service waits with: SIGHUP from a person, SIGIO from a folder (`mecai.sidecar.notice`), or the time."""

import signal
from collections.abc import Collection
from pathlib import Path
from typing import Final

from mecai.sidecar.notice import Notices

SETTLING: Final = 0.5  # seconds between a change in a folder and the round: who writes one file writes the next


class Signals:
    """A `Wait` that SIGHUP wakes, and SIGIO for a folder; they are kept back meanwhile, so that none is lost."""

    _ALL: Final = frozenset({signal.SIGHUP, signal.SIGIO})

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._ALL)
        self._notices = Notices()

    def __call__(self, seconds: float) -> bool:
        """Wait for a signal; tell whether it was SIGHUP."""
        woken = signal.sigtimedwait(self._ALL, seconds)
        if woken is not None and woken.si_signo == signal.SIGIO:
            woken = signal.sigtimedwait({signal.SIGHUP}, SETTLING)
            signal.sigtimedwait({signal.SIGIO}, 0)  # what settled
        return woken is not None

    def watch(self, folders: Collection[Path]) -> None:
        """As `Wait.watch`."""
        self._notices.watch(folders)

    def wanted(self) -> bool:
        """Tell whether the signal has come."""
        return bool(signal.sigpending() & self._ALL)
