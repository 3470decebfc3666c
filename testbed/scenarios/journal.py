"""What of an attack is under way in a lab: written down before it begins, so that whoever comes next can end it.

The journal lies among the lab's files. A step stands in it before its means starts, and leaves it when that has
stopped; so a program that is killed leaves a journal from which `stop`, `up` and `demo` heal.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mecai.errors import HostError, MecaiError
from testbed.machine.lab import Lab, write_file
from testbed.scenarios.arena import Arena
from testbed.scenarios.casting import resolved
from testbed.scenarios.means import MEANS
from testbed.scenarios.scenario import Step


@dataclass(frozen=True)
class Journal:
    """The attack that is under way: the scenario's name, and its steps in the order in which they began."""

    scenario: str
    steps: tuple[Step, ...]


def read(lab: Lab) -> Journal | None:
    """Return what is under way, None where nothing is; raises `HostError` for a damaged journal."""
    file = _file(lab)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return Journal(data["scenario"], tuple(Step(**step) for step in data["steps"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostError(f"{file}: damaged ({error}): testbed down --lab {lab.id} removes all of the lab") from error


def begin(arena: Arena, scenario: str, step: Step) -> None:
    """Start one means, after it was written down."""
    acted, known = resolved(arena, step), read(arena.lab)
    _write(arena.lab, Journal(scenario, (*(known.steps if known else ()), acted)))
    MEANS[acted.mean].start(arena, acted.arguments)


def stop(arena: Arena, after: int = 0) -> list[str]:
    """Stop what is under way, the last step first, but the first `after` steps; returns the names of the means.

    Every step is tried; one that will not stop stays in the journal. Raises the first failure.
    """
    known = read(arena.lab)
    if known is None:
        return []
    kept, ended = known.steps[:after], known.steps[after:]
    stuck, failures = _stop(arena, ended)
    if left := (*kept, *stuck):
        _write(arena.lab, Journal(known.scenario, left))
    else:
        _file(arena.lab).unlink(missing_ok=True)
    if failures:
        raise failures[0]
    return [step.mean for step in ended]


def length(lab: Lab) -> int:
    """Return how many steps are under way."""
    known = read(lab)
    return len(known.steps) if known else 0


def forget(lab: Lab) -> None:
    """Take for ended what is under way: the hosts on which it was are no more."""
    _file(lab).unlink(missing_ok=True)


def _stop(arena: Arena, steps: Sequence[Step]) -> tuple[list[Step], list[MecaiError]]:
    stuck: list[Step] = []
    failures: list[MecaiError] = []
    for step in reversed(steps):
        try:
            MEANS[step.mean].stop(arena, step.arguments)
        except MecaiError as error:
            stuck.insert(0, step)
            failures.append(error)
    return stuck, failures


def _write(lab: Lab, journal: Journal) -> None:
    write_file(_file(lab), json.dumps(asdict(journal), indent=1) + "\n")


def _file(lab: Lab) -> Path:
    return lab.directory / "attack.json"
