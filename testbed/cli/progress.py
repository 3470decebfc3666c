"""Show stages as they run: a live line on a terminal; elsewhere one for each that is done, and one in each silence."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from testbed.machine.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.status import Status

    from testbed.lifecycle.stages import Result


class Progress:
    """A reporter for `testbed.stages.run`: who watches is never left without a word for long."""

    def __init__(self, console: Console, timer: Callable[[float, Callable[[], None]], Timer] = Timer) -> None:
        self._console = console
        self._make_timer = timer
        self._timer: Timer | None = None
        self._live: Status | None = None
        self._stage = self._noted = ""

    def begin(self, stage: str) -> None:
        """Open the live line of a stage."""
        self._stage, self._noted = stage, "works"
        if self._console.is_terminal:
            self._live = self._console.status(escape(stage))
            self._live.start()
        else:
            self._await_silence()

    def note(self, text: str) -> None:
        """Change the live line."""
        self._noted = text
        if self._live:
            self._live.update(self._line())

    def aside(self, show: Callable[[], None]) -> None:
        """Let something else be printed while a stage runs."""
        self.stop()
        show()
        self.begin(self._stage)

    def end(self, result: Result) -> None:
        """Replace the live line by the stage's result."""
        self.stop()
        line = f"{result.name:<14} {result.seconds:6.1f} s  {result.outcome}"
        self._console.print(escape(line), highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the live line away; for the end, good or bad."""
        if self._live:
            self._live.stop()
            self._live = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _line(self) -> Text:
        return Text(f"{self._stage:<14} {self._noted}", no_wrap=True, overflow="ellipsis")

    def _await_silence(self) -> None:
        self._timer = self._make_timer(LIMITS.silence_seconds, self._speak)
        self._timer.daemon = True
        self._timer.start()

    def _speak(self) -> None:
        self._console.print(self._line())
        if self._timer:
            self._await_silence()


@contextmanager
def shown(stage: str, what: str) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is done while it is, for work that is one stage; gives what changes the words."""
    progress = Progress(Console(stderr=True))
    progress.begin(stage)
    progress.note(what)
    try:
        yield progress.note
    finally:
        progress.stop()
