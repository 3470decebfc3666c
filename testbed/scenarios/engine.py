"""Play a scenario on a running lab and compare what each kind of client says with what it must say.

However a scenario ends, what it started is stopped; what a killed run left is stopped before another begins.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.scenarios import casting, clients, evidence, journal, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.scenario import Expected, Scenario, Scene


@dataclass(frozen=True)
class Row:
    """What one kind of client made of one scene, beside what it must."""

    scene: str
    client: str
    expected: Expected
    observed: Observed
    evidence: Path

    @property
    def good(self) -> bool:
        """Whether both are the same, as far as it was said what is expected."""
        expected, observed = self.expected, self.observed
        return (
            observed.verdict == expected.verdict
            and (not expected.reasons or observed.reason in expected.reasons)
            and (not expected.page or observed.page == expected.page)
        )


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
    kept = evidence.renew(arena.lab, scenario.name)
    client = arena.host("client").name
    with ExitStack() as ending:
        ending.callback(clients.forget, arena)
        ending.callback(journal.stop, arena)
        with evidence.recording(driver, client, kept / "capture.pcap"):
            rows = tuple(chain.from_iterable(_scene(arena, scenario, scene, note) for scene in scenario.scenes))
        _keep_keys(arena, client, kept)
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


def _scene(arena: Arena, scenario: Scenario, scene: Scene, note: Note) -> Iterator[Row]:
    _begin(arena, scenario, scene, note)
    for kind, expected in scene.verdicts.items():
        note(f"{scene.title}: {kind} asks")
        observed = clients.ask(arena, kind, scene)
        file = evidence.file(arena.lab, scenario.name, 1 + scenario.scenes.index(scene), kind)
        file.write_text(observed.answer, encoding="utf-8")
        yield Row(scene.title, kind, expected, observed, file)


def _begin(arena: Arena, scenario: Scenario, scene: Scene, note: Note) -> None:
    for step in scene.steps:
        note(f"{scene.title}: {step.mean}")
        try:
            journal.begin(arena, scenario.name, step)
        except HostError as error:
            raise HostError(f"scenario {scenario.name}, {step.mean}: {error}") from error


def _keep_keys(arena: Arena, client: str, kept: Path) -> None:
    file = f"{clients.FOLDER}/keys.log"
    if loot.has(arena, client, file):
        (kept / "keys.log").write_bytes(loot.get(arena, client, file))
