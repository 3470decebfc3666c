"""What the DNS says at several places at once: at the VAS and at its agents (docs/spec P5, H3, H9; ADR 0044).

Places are waited for as agents are that probe (`mecai.probing.patience`): until they have decided (ADR 0058).
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mecai.errors import HostError, MecaiError
from mecai.probing.lookups import Look
from mecai.probing.patience import Answers, Patience, Round
from mecai.probing.quorum import Perspective, are_enough
from mecai.service.printable import words

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class View:
    """A place from which the DNS is asked."""

    perspective: Perspective
    look: Look


@dataclass(frozen=True)
class _Found(Generic[Result]):
    """What a place answered, which may be nothing."""

    result: Result


@dataclass(frozen=True)
class Views:
    """The VAS's own view, and those of all its agents."""

    views: Sequence[View]
    patience: Patience = field(default_factory=Patience)

    def ask(
        self, question: Callable[[Look], Result], agrees: Callable[[Result], bool] = lambda _: True
    ) -> Mapping[Perspective, Result]:
        """Ask everywhere at once, each by the way to look there; returns what those found that answered in time.

        In time is who could still change whether enough answered, and whether enough `agrees`; and a second more.
        Raises `HostError` where too few answered: what they did not see may be what somebody keeps from them.
        """

        def outcome(seen: Answers[_Found[Result]], others: Sequence[Perspective]) -> tuple[bool, bool]:
            answered = {place: found.result for place, found in seen.items() if found}
            agreed = [place for place, result in answered.items() if agrees(result)]
            return self.are_enough([*answered, *others]), self.are_enough([*agreed, *others])

        faults: dict[str, str] = {}
        asked = Round(self.views, lambda view: _answer(question, view, faults), self.patience)
        found = {place: seen.result for place, seen in asked.answers(outcome).items() if seen}
        if not self.are_enough(found):
            said = (f"{name}: {fault}" for name, fault in sorted(faults.copy().items()))
            raise HostError(f"the DNS, asked at {len(self.views)} places: {'; '.join(said)}")
        return found

    def are_enough(self, perspectives: Collection[Perspective]) -> bool:
        """Tell whether these, of all, are a quorum."""
        return are_enough(perspectives, len(self.views) - 1)


def _answer(question: Callable[[Look], Result], view: View, faults: dict[str, str]) -> _Found[Result] | None:
    """Return what was found at a place; None where nothing answered there, which is noted in `faults`."""
    try:
        return _Found(question(view.look))
    except (OSError, MecaiError) as error:
        fault = words(error) if isinstance(error, OSError) else str(error)
        LOG.warning("no answer from the DNS: %s: %s", view.perspective.name, fault)
        faults[view.perspective.name] = fault
        return None
