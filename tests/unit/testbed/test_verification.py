"""A verification: what counts as good, what is left out with its reason; whatever happens is told and healed."""

import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from mecai.errors import HostError
from testbed.lifecycle.stages import Result
from testbed.machine.lab import Lab
from testbed.report import suite, trials
from testbed.report.outcome import Case, State, Suite, Verification
from testbed.scenarios import engine, journal
from testbed.scenarios.engine import Played
from testbed.scenarios.scenario import Scenario
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.verifications import (
    ATTACK,
    BROKEN,
    HONEST,
    LEFT_OUT,
    SUITE,
    different,
    good,
    lab,
    rows,
    verification,
)
from tests.unit.testbed.world import World

_SCENE = replace(HONEST.scenes[0], choice=replace(HONEST.scenes[0].choice, named=("fourth",)))
NOBODY = replace(HONEST, name="nobody", scenes=(_SCENE,))


class Silent:
    """Remembers the results that were reported."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def begin(self, stage: str) -> None:
        """Take note."""

    def note(self, text: str) -> None:
        """Take note."""

    def end(self, result: Result) -> None:
        """Take note."""
        self.results.append(result)


class Stage:
    """A lab in memory, on which scenarios come out as told: good, unless `ends` has something else for one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.silent = folder, Silent()
        self.arena = replace(World().arena(folder), lab=Lab("world", labs=folder, locks=folder / "locks"))
        self.driver = FakeDriver(self.arena.lab)
        self.ends: dict[str, Callable[[], object]] = {}
        monkeypatch.setattr(suite, "run", lambda *_: SUITE)
        monkeypatch.setattr(engine, "play", self._play)

    def verify(self, *scenarios: Scenario) -> Verification:
        """Verify the lab by these scenarios."""
        return trials.verify(self.driver, self.arena, scenarios, self.folder, self.silent)

    def _play(self, _driver: object, _arena: object, scenario: Scenario, _note: object) -> Played:
        self.ends.get(scenario.name, lambda: None)()
        return Played(scenario, rows(self.arena.lab, scenario, but="sticky" if "differs" in scenario.name else ""))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a lab in memory."""
    return Stage(tmp_path, monkeypatch)


def fail(error: BaseException) -> Callable[[], NoReturn]:
    def end() -> NoReturn:
        raise error

    return end


def states(found: Verification) -> dict[str, tuple[State, str]]:
    return {trial.scenario.name: (trial.state, trial.reason) for trial in found.trials}


def test_everything_as_expected_is_good(stage: Stage) -> None:
    found = stage.verify(HONEST, ATTACK)
    assert found.good
    assert found.counts == {State.GOOD: 1 + 5 + 5}
    assert [(result.name, result.outcome) for result in stage.silent.results] == [
        ("testinfra", "1 good"),
        ("honest", "5 good"),
        ("rogue-va-chosen", "5 good"),
    ]


def test_one_other_verdict_is_not_good_and_the_rest_is_played(stage: Stage) -> None:
    found = stage.verify(replace(HONEST, name="differs"), ATTACK)
    assert not found.good
    assert states(found) == {"differs": (State.DIFFERENT, ""), "rogue-va-chosen": (State.GOOD, "")}
    assert stage.silent.results[1].outcome == "4 good, 1 different"


@pytest.mark.parametrize("error", [HostError("www: nginx: exit code 1"), OSError("www: nginx: exit code 1")])
def test_a_scenario_that_breaks_is_told_and_the_rest_is_played(error: Exception, stage: Stage) -> None:
    stage.ends["honest"] = fail(error)
    found = stage.verify(HONEST, ATTACK)
    assert states(found)["honest"] == (State.BROKEN, "www: nginx: exit code 1")
    assert states(found)["rogue-va-chosen"] == (State.GOOD, "")
    assert not found.good


def test_a_scenario_that_nobody_can_play_here_is_left_out_with_the_reason_and_is_not_good(stage: Stage) -> None:
    found = stage.verify(NOBODY, HONEST)
    state, reason = states(found)["nobody"]
    assert state is State.LEFT_OUT
    assert reason.startswith("topology small: nobody plays 'fourth'")
    assert found.good
    assert found.counts == {State.GOOD: 1 + 5, State.LEFT_OUT: 1}


def test_where_nothing_was_verified_nothing_is_good() -> None:
    assert not verification([LEFT_OUT], Suite((), State.LEFT_OUT, "no tests")).good
    assert not verification([], Suite((), State.BROKEN, "no end")).good


@pytest.mark.parametrize("end", [fail(KeyboardInterrupt()), lambda: signal.raise_signal(signal.SIGTERM)])
def test_who_breaks_it_off_gets_what_was_found(end: Callable[[], object], stage: Stage) -> None:
    stage.ends["rogue-va-chosen"] = end
    third = replace(HONEST, name="third")
    found = stage.verify(HONEST, ATTACK, third)
    assert found.interrupted
    assert not found.good
    assert states(found) == {
        "honest": (State.GOOD, ""),
        "rogue-va-chosen": (State.LEFT_OUT, "interrupted before its end"),
        "third": (State.LEFT_OUT, "interrupted before its end"),
    }
    with stage.arena.lab.lock():
        assert journal.read(stage.arena.lab) is None


@pytest.mark.parametrize("words", [["curl"], ["curl", "local_data_remove"]], ids=["once", "while it is healed, too"])
@pytest.mark.parametrize("end", [fail(KeyboardInterrupt()), lambda: signal.raise_signal(signal.SIGTERM)])
def test_what_is_under_way_when_it_is_broken_off_is_healed(
    end: Callable[[], object], words: list[str], tmp_path: Path
) -> None:
    world, words = World(), list(words)
    arena = replace(world.arena(tmp_path), lab=Lab("world", labs=tmp_path, locks=tmp_path / "locks"))

    def run(host: str, command: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
        if words and words[0] in command and world.lies:
            words.pop(0)
            end()
        return world.run(host, command, stdin)

    recorder = ["sh", "-c", "echo listening on >&2; exec 2>&-; cat"]
    driver = FakeDriver(arena.lab, command=lambda _host, _command: recorder)
    scene = BROKEN.scenario.scenes[0]
    plain = replace(BROKEN.scenario, scenes=(replace(scene, verdicts={"plain": scene.verdicts["plain"]}),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite, "run", lambda *_: SUITE)
        found = trials.verify(driver, replace(arena, run=run), [plain], tmp_path, Silent())
    assert found.interrupted
    assert not words
    assert any("local_data www" in command for command in world.commands)
    assert world.clean
    assert journal.read(arena.lab) is None


def test_an_attack_that_was_left_behind_is_stopped_before_the_hosts_are_tested(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.start(stage.arena, BROKEN.scenario, lambda _text: None)
    seen: list[object] = []
    monkeypatch.setattr(suite, "run", lambda *_: seen.append(journal.read(stage.arena.lab)) or SUITE)
    stage.verify(HONEST)
    assert seen == [None]


def test_a_lab_that_does_not_run_is_one_line(stage: Stage) -> None:
    stage.driver.states = {"www": "stopped", "client": "orphaned"}
    with pytest.raises(HostError, match=r"^lab world: www, client not running: testbed up --lab world$"):
        stage.verify(HONEST)
    assert stage.silent.results == []


REPORT = """<?xml version="1.0"?><testsuites><testsuite name="pytest">
<testcase classname="tests.lab.test_hosts" name="test_units[www]" time="0.5"/>
<testcase classname="tests.lab.test_hosts" name="test_units[client]" time="0.5"
><failure message="m">E no unit</failure></testcase>
<testcase classname="tests.lab.test_hosts" name="test_a" time="0"><error message="fixture">E boom</error></testcase>
<testcase classname="tests.lab.test_hosts" name="test_b" time="0"><skipped message="no IPv6"/></testcase>
</testsuite></testsuites>"""


def test_a_report_of_pytest_is_read(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    module = "tests.lab.test_hosts"
    assert list(suite.read(report)) == [
        Case(module, "test_units[www]", State.GOOD, 0.5),
        Case(module, "test_units[client]", State.DIFFERENT, 0.5, "E no unit"),
        Case(module, "test_a", State.BROKEN, 0, "E boom"),
        Case(module, "test_b", State.LEFT_OUT, 0, "no IPv6"),
    ]


def written(folder: Path, body: str) -> Path:
    """Write a folder of tests with one module, whose settings are its own."""
    tests = folder / "tests"
    tests.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tests / "test_it.py").write_text(body, encoding="utf-8")
    return tests


@pytest.mark.parametrize(
    ("body", "state", "cases"),
    [
        ("import os\ndef test_it(): assert os.environ['MECAI_LAB'] == 'world'\n", State.GOOD, [State.GOOD]),
        ("def test_it(): assert 0\ndef test_more(): pass\n", State.GOOD, [State.DIFFERENT, State.GOOD]),
        ("import nothing_of_this_name\n", State.GOOD, [State.BROKEN]),
        ("", State.BROKEN, []),
        ("import os\ndef test_it(): os._exit(3)\n", State.BROKEN, []),
    ],
)
def test_pytest_is_run_and_whatever_it_comes_to_is_told(
    body: str, state: State, cases: list[State], tmp_path: Path
) -> None:
    tests, notes = written(tmp_path, body), list[str]()
    found = suite.run(lab(tmp_path), tmp_path, notes.append, tests)
    assert [case.state for case in found.cases] == cases
    assert found.state is state, found.reason
    assert bool(found.reason) == (state is State.BROKEN)
    assert "\n" not in found.reason
    assert (tmp_path / "testinfra.log").read_text(encoding="utf-8").strip()
    assert not list(tmp_path.glob("*.xml"))
    assert notes


def test_tests_that_are_not_there_are_left_out_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = suite.run(lab(tmp_path), tmp_path, print, tmp_path / "nothing")
    assert (found.state, found.cases) == (State.LEFT_OUT, ())
    assert "in a checkout only" in found.reason
    monkeypatch.setattr(suite, "find_spec", lambda name: None if name == "testinfra" else name)
    assert suite.obstacle() == "not installed: pytest-testinfra: make deps"


def test_counts_are_of_tests_and_verdicts(tmp_path: Path) -> None:
    found = verification([good(lab(tmp_path)), different(lab(tmp_path)), BROKEN, LEFT_OUT])
    assert found.counts == {State.GOOD: 1 + 5 + 4, State.DIFFERENT: 1, State.BROKEN: 1, State.LEFT_OUT: 1}
