"""What a verification found, as values: the tests of the hosts, and the scenarios with every client's verdict."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from testbed.model.plan import Plan
from testbed.scenarios.engine import Row
from testbed.scenarios.scenario import Scenario


class State(StrEnum):
    """How one thing that was to be verified came out."""

    GOOD = "good"
    DIFFERENT = "different"  # it was tried, and is not as expected
    BROKEN = "broken"  # it could not be tried to its end
    LEFT_OUT = "left-out"  # it was not tried, for a reason that is said; it counts as nothing


@dataclass(frozen=True)
class Case:
    """One test of testinfra: the module it is in, its name, and what it said where it is not good."""

    module: str
    name: str
    state: State
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class Suite:
    """All tests of testinfra; `state` other than good is of the suite as a whole, for this reason."""

    cases: tuple[Case, ...]
    state: State = State.GOOD
    reason: str = ""

    @property
    def states(self) -> Iterator[State]:
        """Every test's state, or that of the whole where there are none."""
        yield from (case.state for case in self.cases)
        if not self.cases or self.state is State.BROKEN:
            yield self.state


@dataclass(frozen=True)
class Trial:
    """A scenario: its verdicts where it was played to its end, else the reason why it was not."""

    scenario: Scenario
    state: State
    seconds: float = 0
    rows: tuple[Row, ...] = ()
    reason: str = ""

    @property
    def states(self) -> Iterator[State]:
        """Every verdict's state, or that of the whole where there are none."""
        yield from (verdict_state(row) for row in self.rows)
        if not self.rows:
            yield self.state


@dataclass(frozen=True)
class Verification:
    """All that was found in one lab; `interrupted` where somebody broke it off."""

    lab: str
    plan: Plan
    begun: datetime
    seconds: float
    suite: Suite
    trials: tuple[Trial, ...]
    interrupted: bool = False

    @property
    def counts(self) -> Counter[State]:
        """How many tests and verdicts are in each state."""
        return Counter([*self.suite.states, *(state for trial in self.trials for state in trial.states)])

    @property
    def good(self) -> bool:
        """Whether something was verified, and all of it is as expected; what was left out is neither."""
        counts = self.counts
        bad = counts[State.DIFFERENT] + counts[State.BROKEN]
        return bool(counts[State.GOOD]) and not bad and not self.interrupted


def verdict_state(row: Row) -> State:
    """Return the state of one client's verdict."""
    return State.GOOD if row.good else State.DIFFERENT
