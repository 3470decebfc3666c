"""Bounded waits by polling: what is awaited, until when, and the clock are arguments."""

import time
from collections.abc import Callable
from typing import TypeVar

from mecai.errors import HostError
from testbed.machine.limits import LIMITS

# Tells a person what is being done or waited for.
Note = Callable[[str], None]

T = TypeVar("T")


def until(
    probe: Callable[[], T | None],
    seconds: float,
    what: Callable[[], str],
    *,
    interval: float = LIMITS.poll_interval_seconds,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """Call `probe` until it returns something true; raises `HostError` with `what()` after the given seconds."""
    deadline = clock() + seconds
    while True:
        if found := probe():
            return found
        if clock() >= deadline:
            raise HostError(f"{what()} (waited {seconds:.0f} s)")
        pause(interval)
