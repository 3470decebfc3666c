"""One deadline over a whole piece of work: every step takes what is left, none its own share."""

import time
from collections.abc import Callable


class Deadline:
    """A moment on a monotonic clock, `seconds` after it was made."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left, never below zero."""
        return max(0.0, self._end - self._clock())

    def require(self) -> float:
        """Return the seconds that are left; raises `TimeoutError` if there are none."""
        if not (left := self.left()):
            raise TimeoutError("timed out")
        return left

    def within(self, seconds: float) -> "Deadline":
        """Return a deadline for one step: `seconds` from now, or this one if it is nearer."""
        return Deadline(min(seconds, self.left()), self._clock)

    def share(self, steps: int) -> "Deadline":
        """Return a deadline for the next of `steps` steps, so that none can use up the time of those after it."""
        return self.within(self.left() / steps)
