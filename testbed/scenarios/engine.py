"""Play a scenario on a running lab and compare what each client and each witness says with what it must say.

However a scenario ends, what it started is stopped; what a killed run left is stopped before another begins.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine.limits import LIMITS
from testbed.scenarios import casting, clients, evidence, journal, kinds, witnesses
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed, Question
from testbed.scenarios.scenario import Expected, Scenario, Scene

_ACCEPTED: Final = "accepted"


@dataclass(frozen=True)
class Row:
    """What one kind of client, or a witness, made of one scene, beside what it must; scenes count from 1."""

    number: int
    scene: str
    client: str
    expected: Expected
    observed: Observed
    evidence: Path

    @property
    def good(self) -> bool:
        """Whether both are the same, as far as it was said what is expected."""
        return _fits(self.observed, self.expected)


@dataclass(frozen=True)
class Played:
    """A scenario that was played."""

    scenario: Scenario
    rows: tuple[Row, ...]

    @property
    def good(self) -> bool:
        """Whether every client said what it must."""
        return all(row.good for row in self.rows)


Note = Callable[[str], None]


def play(driver: Driver, arena: Arena, scenario: Scenario, note: Note) -> Played:
    """Play all scenes of a scenario, one after the other; raises `InputError` or `HostError`."""
    casting.check(arena, scenario)
    journal.stop(arena)
    arena = arena.anew()
    kept, asking = evidence.renew(arena.lab, scenario.name), _hosts(arena, scenario)
    evidence.keep_routes(arena, scenario.name, 0)
    with ExitStack() as ending:
        ending.callback(clients.forget, arena, asking)
        ending.callback(journal.stop, arena)
        with evidence.recording(driver, asking, kept):
            rows = tuple(chain.from_iterable(_scene(arena, scenario, scene, note) for scene in scenario.scenes))
        evidence.keep_keys(arena, asking, kept)
    return Played(scenario, rows)


def start(arena: Arena, scenario: Scenario, note: Note) -> None:
    """Begin all steps of a scenario and leave them under way; what began is stopped when one of them fails."""
    casting.check(arena, scenario)
    journal.stop(arena)
    with ExitStack() as ending:
        ending.callback(journal.stop, arena)
        for scene in scenario.scenes:
            _begin(arena, scenario, scene, note)
        ending.pop_all()


@contextmanager
def under_way(arena: Arena, scenario: Scenario, note: Note) -> Iterator[None]:
    """Keep a scenario under way as long as the caller likes, then stop it."""
    start(arena, scenario, note)
    try:
        yield
    finally:
        journal.stop(arena)


def _hosts(arena: Arena, scenario: Scenario) -> list[str]:
    """List the hosts on which clients and witnesses of a scenario are, whoever plays the client first."""
    asking = dict.fromkeys(_host(arena, scene, kind) for scene in scenario.scenes for kind in scene.verdicts)
    return sorted(asking, key=lambda host: host != arena.cast.get("client"))


def _host(arena: Arena, scene: Scene, kind: str) -> str:
    return kinds.host_of(arena, kind) if kind in kinds.KINDS else witnesses.host_of(arena, kind, scene)


def _scene(arena: Arena, scenario: Scenario, scene: Scene, note: Note) -> Iterator[Row]:
    number = 1 + scenario.scenes.index(scene)
    if not scene.measured:
        _begin(arena, scenario, scene, note)
        evidence.keep_routes(arena, scenario.name, number)
    for kind, expected in scene.verdicts.items():
        note(f"{scene.title}: {kind} asks")
        ready = clients.ready if kind in kinds.KINDS else witnesses.ready
        ask = ready(arena, kind, scene)
        observed = _measured(arena, scenario, scene, (ask, expected), note) if scene.measured else ask()
        file = evidence.file(arena.lab, scenario.name, number, kind)
        file.write_text(observed.answer, encoding="utf-8")
        yield Row(number, scene.title, kind, expected, observed, file)


def _measured(
    arena: Arena, scenario: Scenario, scene: Scene, asking: tuple[Question, Expected], note: Note
) -> Observed:
    """Begin the steps, let a client ask until it says what it must, and stop them again, for the next one.

    Its seconds count from where the steps have all begun; whoever goes on accepting has none.
    """
    (ask, expected), before = asking, journal.length(arena.lab)
    _begin(arena, scenario, scene, note)
    begun = time.monotonic()
    observed = ask()
    while not _fits(observed, expected) and time.monotonic() - begun < LIMITS.measured_seconds:
        observed = ask()
    seconds = round(time.monotonic() - begun, 1)
    journal.stop(arena, before)
    return observed if observed.verdict == _ACCEPTED else replace(observed, seconds=seconds)


def _fits(observed: Observed, expected: Expected) -> bool:
    return (
        observed.verdict == expected.verdict
        and (not expected.reasons or observed.reason in expected.reasons)
        and (not expected.page or observed.page == expected.page)
    )


def _begin(arena: Arena, scenario: Scenario, scene: Scene, note: Note) -> None:
    for step in scene.steps:
        note(f"{scene.title}: {step.mean}")
        try:
            journal.begin(arena, scenario.name, step)
        except HostError as error:
            raise HostError(f"scenario {scenario.name}, {step.mean}: {error}") from error
