"""Show stages as they run: a live line on a terminal, one plain line for each finished stage otherwise."""

import sys
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from testbed.stages import Result


class Progress:
    """A reporter for `testbed.stages.run`; use as a context manager."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live: Status | None = None
        self._stage = ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def begin(self, stage: str) -> None:
        """Open the live line of a stage."""
        self._stage = stage
        if self._console.is_terminal:
            self._live = self._console.status(escape(stage))
            self._live.start()

    def note(self, text: str) -> None:
        """Change the live line."""
        if self._live:
            self._live.update(f"{escape(self._stage):<14} {escape(text)}")

    def end(self, result: Result) -> None:
        """Replace the live line by the stage's result."""
        self._stop()
        self._console.print(f"{result.name:<14} {result.seconds:6.1f} s  {escape(result.outcome)}")

    def _stop(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None
