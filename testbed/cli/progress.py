"""Show stages as they run: a live line on a terminal, one plain line for each finished stage otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.status import Status

    from testbed.lifecycle.stages import Result


class Progress:
    """A reporter for `testbed.stages.run`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Status | None = None
        self._stage = ""

    def begin(self, stage: str) -> None:
        """Open the live line of a stage."""
        self._stage = stage
        if self._console.is_terminal:
            self._live = self._console.status(escape(stage))
            self._live.start()

    def note(self, text: str) -> None:
        """Change the live line."""
        if self._live:
            self._live.update(Text(f"{self._stage:<14} {text}", no_wrap=True, overflow="ellipsis"))

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
