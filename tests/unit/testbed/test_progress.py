"""Whoever watches `testbed up` in a log hears what it does whenever it has been silent for a while."""

import io
from collections.abc import Callable
from threading import Timer

from rich.console import Console

from testbed.cli.progress import Progress
from testbed.lifecycle.stages import Result
from testbed.machine.limits import LIMITS


class Clock:
    """Timers that ring only when they are told to."""

    def __init__(self) -> None:
        self.waiting: list[Timer] = []

    def timer(self, seconds: float, ring: Callable[[], None]) -> Timer:
        """Make a timer that is remembered until it is cancelled."""
        assert seconds == LIMITS.silence_seconds
        timer = Timer(3600, ring)
        timer.start = lambda: self.waiting.append(timer)  # type: ignore[method-assign]  # it shall not run
        timer.cancel = lambda: self.waiting.remove(timer)  # type: ignore[method-assign]
        return timer

    def ring(self) -> None:
        """Let the time be over."""
        timer = self.waiting.pop()
        timer.function()


def test_a_long_stage_says_what_it_does_and_a_short_one_only_its_result() -> None:
    out, clock = io.StringIO(), Clock()
    progress = Progress(Console(file=out, width=80), clock.timer)
    progress.begin("wheel")
    progress.note("building")
    progress.end(Result("wheel", 1.5, "built"))
    assert clock.waiting == []
    progress.begin("converge")
    clock.ring()
    progress.note("Write the zones: [router]")
    progress.note("Write the site: www")
    clock.ring()
    progress.end(Result("converge", 10.0, "done"))
    assert clock.waiting == []
    assert out.getvalue().splitlines() == [
        "wheel             1.5 s  built",
        "converge       works",
        "converge       Write the site: www",
        "converge         10.0 s  done",
    ]
