"""A scenario as values: a threat, the scenes in which it is played, and what clients and witnesses must make of it.

`reading` makes one from a file of this folder; `engine` plays it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from testbed.scenarios.services import HTTPS


@dataclass(frozen=True)
class Step:
    """One use of an attacker's means; `arguments` are as the file has them, or resolved for one lab (`casting`)."""

    mean: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """What a client or a witness must say: a verdict, one of these reasons if there are any, whose page it is shown."""

    verdict: str
    reasons: tuple[str, ...] = ()
    page: str = ""

    def __str__(self) -> str:
        """Say it in words, as tables do."""
        said = " ".join(filter(None, (self.verdict, " or ".join(self.reasons))))
        return f"{said}, page of the {self.page}" if self.page else said


@dataclass(frozen=True)
class Choice:
    """Which authorities a client has among its candidates and which it has not, in the words of a cast."""

    named: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Steps, then one question of each kind of client, whose clock is `clock_hours` ahead, and of each witness.

    `names` are whom they ask for, without any the site, and `service` is what for; a client that is refused asks again,
    for the next of them, up to `attempts` times. Where it is `measured`, the steps are made anew for each kind of
    client, which asks until it says what it must. `asked` is what witnesses are asked with, besides the defaults of
    their parameters.
    """

    title: str
    steps: tuple[Step, ...]
    choice: Choice
    clock_hours: int
    names: tuple[str, ...]
    attempts: int
    measured: bool
    verdicts: Mapping[str, Expected]
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    service: str = HTTPS


@dataclass(frozen=True)
class Scenario:
    """One threat; `number` is its place in the catalogue, `note` what a reader must know of today's verdict."""

    name: str
    number: int
    title: str
    threat: str
    proposal: str
    holds: tuple[str, ...]
    note: str
    scenes: tuple[Scene, ...]
