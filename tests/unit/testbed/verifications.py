"""Verifications as values, without a lab: what was played, what came out, and what lies as evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from testbed.machine.lab import Lab
from testbed.report.outcome import Case, State, Suite, Trial, Verification
from testbed.scenarios import evidence, reading
from testbed.scenarios.clients import Observed
from testbed.scenarios.engine import Row
from testbed.scenarios.scenario import Expected, Scenario
from tests.unit.testbed.world import PLAN

# Scenarios of this file's own: what those that ship ask for may change.
_SITE, _ATTACKER = Expected("accepted", (), "site"), Expected("accepted", (), "attacker")
_KINDS = ("plain", "warn", "random", "sticky")
_CHOSEN = {**dict.fromkeys(_KINDS, _ATTACKER), "strict": Expected("refused", ("quorum",))}


def _scenario(number: int, name: str, scene: str, verdicts: Mapping[str, Expected]) -> Scenario:
    shipped = reading.find("honest")
    scenes = (replace(shipped.scenes[0], title=scene, verdicts=verdicts),)
    return replace(shipped, name=name, number=number, scenes=scenes)


HONEST = _scenario(1, "honest", "the honest site", dict.fromkeys((*_KINDS, "strict"), _SITE))
ATTACK = _scenario(5, "rogue-va-chosen", "a voucher that was chosen", _CHOSEN)
WITNESSED = _scenario(
    24, "floods", "a flood", {"crowd": Expected("held"), "postmaster": Expected("bounded"), "sticky": _SITE}
)
SUITE = Suite((Case("tests.lab.test_hosts", "test_units[www]", State.GOOD, 0.25),))


def rows(lab: Lab, scenario: Scenario, *, but: str = "", answer: str = "{}") -> tuple[Row, ...]:
    """Return verdicts as expected, but for one kind of client that accepts nothing; their answers lie as evidence."""
    evidence.renew(lab, scenario.name)
    found = []
    for number, scene in enumerate(scenario.scenes, start=1):
        for client, expected in scene.verdicts.items():
            file = evidence.file(lab, scenario.name, number, client)
            file.write_text(answer, encoding="utf-8")
            observed = Observed(expected.verdict, (*expected.reasons, "")[0], expected.page, answer)
            if client == but:
                observed = Observed("refused", "malformed", "", answer)
            found.append(Row(number, scene.title, client, expected, observed, file))
    return tuple(found)


def good(lab: Lab, answer: str = "{}") -> Trial:
    """Return an attack of which every client made what it must."""
    return Trial(ATTACK, State.GOOD, 2.5, rows(lab, ATTACK, answer=answer))


def witnessed(lab: Lab) -> Trial:
    """Return a scenario with two witnesses beside a client, all as expected."""
    return Trial(WITNESSED, State.GOOD, 2.0, rows(lab, WITNESSED))


def different(lab: Lab, answer: str = "{}") -> Trial:
    """Return a scenario of which one client made something else."""
    return Trial(HONEST, State.DIFFERENT, 1.5, rows(lab, HONEST, but="sticky", answer=answer))


BROKEN = Trial(
    reading.find("rogue-no-voucher"), State.BROKEN, 1.0, reason="attacker: nginx -q: exit code 1: \x1b broken"
)
LEFT_OUT = Trial(reading.find("another-name"), State.LEFT_OUT, reason="topology small: nobody plays 'fourth'")


def verification(trials: Sequence[Trial], suite: Suite = SUITE, *, interrupted: bool = False) -> Verification:
    """Return what was found in the lab `world`."""
    begun = datetime(2026, 11, 27, 1, 45, tzinfo=UTC)
    return Verification("world", PLAN, begun, 12.5, suite, tuple(trials), interrupted)


def lab(folder: Path) -> Lab:
    """Return a lab whose files lie in a folder."""
    return Lab("world", labs=folder)
