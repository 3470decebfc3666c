"""Named, timed stages: steps run in order, each with its progress, its result and, on failure, where to look."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mecai.errors import HostError, InputError, MecaiError
from testbed.machine.waiting import Note


@dataclass(frozen=True)
class Stage:
    """One step: `action` reports progress by its argument and returns one line that says what it did."""

    name: str
    action: Callable[[Note], str]
    log: Path | None = None
    look: str = ""


@dataclass(frozen=True)
class Result:
    """A stage that is done."""

    name: str
    seconds: float
    outcome: str


class Reporter(Protocol):
    """Who shows the progress."""

    def begin(self, stage: str) -> None:
        """Take note that a stage begins."""

    def note(self, text: str) -> None:
        """Take note of progress inside the stage."""

    def end(self, result: Result) -> None:
        """Take note of the stage's result."""


class StageError(HostError):
    """A stage that failed: its name, why, and the next thing to look at."""

    def __init__(self, stage: Stage, cause: MecaiError | OSError) -> None:
        super().__init__(f"stage {stage.name}: {cause}")
        if isinstance(cause, MecaiError):
            self.exit_code = cause.exit_code
        self._log, self._look = stage.log, stage.look
        if isinstance(cause, MecaiError):
            self._look = cause.diagnostics() or self._look

    def diagnostics(self) -> str:
        """Return the log file and the command to look further."""
        log = f"log: {self._log}" if self._log and self._log.exists() else ""
        return "\n".join(filter(None, [log, f"look further: {self._look}" if self._look else ""]))


def run(
    stages: Sequence[Stage],
    reporter: Reporter,
    until: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """Run the stages in order, up to and with `until`; raises `StageError` at the first that fails."""
    names = [stage.name for stage in stages]
    if until is not None and until not in names:
        raise InputError(f"no stage {until!r}: use one of {', '.join(names)}")
    results = []
    for stage in stages[: names.index(until) + 1 if until else None]:
        started = clock()
        reporter.begin(stage.name)
        try:
            outcome = stage.action(reporter.note)
        except (MecaiError, OSError) as error:
            raise StageError(stage, error) from error
        results.append(Result(stage.name, round(clock() - started, 1), outcome))
        reporter.end(results[-1])
    return results
