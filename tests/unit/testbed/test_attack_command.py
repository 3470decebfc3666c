"""`testbed attack run`: what it says of scenarios that were played, and of those that the lab has nobody for."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mecai.errors import HostError
from testbed.cli import attack
from testbed.machine.lab import Lab
from testbed.scenarios import engine, reading
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.engine import Played, Row
from testbed.scenarios.scenario import Expected, Scenario
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.world import PLAN, World

SHIPPED = [reading.find("honest"), reading.find("two-contexts")]
BREAKS = reading.find("rogue-no-voucher")


@pytest.fixture(autouse=True)
def _small_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a running lab `small`, where each scenario ends with one refusal that was measured."""
    arena = Arena(Lab("small", labs=tmp_path, locks=tmp_path), PLAN, World().run)

    def play(_driver: object, _arena: object, scenario: Scenario, _note: object) -> Played:
        if scenario.name == "rogue-no-voucher":
            raise HostError("attacker: nginx -q -t: exit code 1")
        observed = Observed("refused", "distrusted", "", "{}", seconds=1.25)
        return Played(scenario, (Row(1, "then", "sticky", Expected("refused"), observed, tmp_path / "1-sticky.json"),))

    monkeypatch.setattr(attack, "_arena", lambda _lab: (arena, FakeDriver(arena.lab)))
    monkeypatch.setattr(reading, "catalogue", lambda: SHIPPED)
    monkeypatch.setattr(engine, "play", play)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(attack.command, ["run", *words], standalone_mode=False)
    return done.return_value if done.exception is None else 2, done.stdout + str(done.exception or "")


def test_of_all_those_that_cannot_be_played_are_left_out_in_one_line() -> None:
    code, said = run("--all")
    assert code == 0
    assert "left out: two-contexts: topology small: nobody plays 'publisher': name another lab with --lab\n" in said
    assert "refused distrusted, after 1.2 s" in said


def test_in_json_what_was_measured_and_left_out_stands_apart() -> None:
    code, said = run("--all", "--format", "json")
    document = json.loads(said)
    assert code == 0
    assert [each["name"] for each in document["scenarios"]] == ["honest"]
    assert document["scenarios"][0]["verdicts"][0]["seconds"] == 1.25
    reason = "topology small: nobody plays 'publisher': name another lab with --lab"
    assert document["left_out"] == [{"name": "two-contexts", "reason": reason}]


def test_one_that_breaks_keeps_no_other_from_being_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "catalogue", lambda: [BREAKS, *SHIPPED])
    code, said = run("--all", "--format", "json")
    document = json.loads(said)
    assert (code, [each["name"] for each in document["scenarios"]]) == (3, ["honest"])
    assert document["broken"] == [{"name": "rogue-no-voucher", "reason": "attacker: nginx -q -t: exit code 1"}]


def test_one_that_was_named_and_has_nobody_is_bad_input() -> None:
    assert run("honest", "two-contexts") == (2, "topology small: nobody plays 'publisher': name another lab with --lab")
