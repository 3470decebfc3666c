"""Verify a lab: run the tests of the hosts, then play every scenario, whatever becomes of the one before.

Whoever breaks it off gets what was found until then; the engine has healed the lab by that time.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from mecai.errors import HostError, InputError, MecaiError
from testbed.drivers.driver import Driver
from testbed.lifecycle.stages import Reporter, Result
from testbed.machine.signals import unwinding
from testbed.report import suite
from testbed.report.outcome import State, Suite, Trial, Verification
from testbed.scenarios import casting, engine, journal
from testbed.scenarios.arena import Arena
from testbed.scenarios.scenario import Scenario


def verify(
    driver: Driver, arena: Arena, scenarios: Iterable[Scenario], folder: Path, reporter: Reporter
) -> Verification:
    """Verify a running lab, the tests' log into a folder; raises `HostError` where it does not run."""
    _require_running(driver, arena)
    run = _Run(driver, arena, list(scenarios), reporter)
    begun, started = datetime.now(UTC).replace(microsecond=0), time.monotonic()
    interrupted = False
    try:
        with unwinding():
            run.go(folder)
    except KeyboardInterrupt:
        interrupted = True
        _heal(arena)
    seconds = round(time.monotonic() - started, 1)
    return Verification(arena.lab.id, arena.plan, begun, seconds, run.suite, run.all_trials(), interrupted)


class _Run:
    """A verification under way: what it has found so far is there whenever it ends."""

    def __init__(self, driver: Driver, arena: Arena, scenarios: list[Scenario], reporter: Reporter) -> None:
        self.suite = Suite((), State.BROKEN, "interrupted")
        self._trials: list[Trial] = []
        self._driver, self._arena, self._scenarios, self._reporter = driver, arena, scenarios, reporter

    def go(self, folder: Path) -> None:
        with self._arena.lab.lock():
            journal.stop(self._arena)
        # Without the lock: these tests use the testbed's own verbs.
        started = self._begin("testinfra")
        self.suite = suite.run(self._arena.lab, folder, self._reporter.note)
        self._end("testinfra", started, _said_of(self.suite))
        with self._arena.lab.lock():
            for scenario in self._scenarios:
                started = self._begin(scenario.name)
                self._trials.append(self._try(scenario, started))
                self._end(scenario.name, started, _said_of(self._trials[-1]))

    def all_trials(self) -> tuple[Trial, ...]:
        """Return a trial for each scenario, those that were not played too."""
        missing = self._scenarios[len(self._trials) :]
        return (*self._trials, *(Trial(each, State.LEFT_OUT, reason="interrupted before its end") for each in missing))

    def _try(self, scenario: Scenario, started: float) -> Trial:
        try:
            casting.check(self._arena, scenario)
        except InputError as error:
            return Trial(scenario, State.LEFT_OUT, reason=str(error))
        try:
            played = engine.play(self._driver, self._arena, scenario, self._reporter.note)
        except (MecaiError, OSError) as error:
            return Trial(scenario, State.BROKEN, _since(started), reason=str(error))
        return Trial(scenario, State.GOOD if played.good else State.DIFFERENT, _since(started), played.rows)

    def _begin(self, name: str) -> float:
        self._reporter.begin(name)
        return time.monotonic()

    def _end(self, name: str, started: float, said: str) -> None:
        self._reporter.end(Result(name, _since(started), said))


def _heal(arena: Arena) -> None:
    """Stop what is under way: an impatient second signal may have broken off the engine's own healing."""
    with suppress(MecaiError), arena.lab.lock():  # it stays in the journal: whoever comes next tries again
        journal.stop(arena)


def _require_running(driver: Driver, arena: Arena) -> None:
    down = [host.name for host in arena.plan.topology.hosts if driver.state(host.name) != "running"]
    if down:
        lab = arena.lab.id
        raise HostError(f"lab {lab}: {', '.join(down)} not running: testbed up --lab {lab}")


def _said_of(found: Suite | Trial) -> str:
    """Say how many came out how, and why where it is one reason."""
    states = list(found.states)
    counts = (f"{states.count(state)} {state}" for state in State if state in states)
    return f"{', '.join(counts)}{': ' if found.reason else ''}{found.reason}"


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
