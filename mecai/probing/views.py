"""What the DNS says at several places at once: at the VAS and at its agents (docs/spec P5, H3, H9; ADR 0044)."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from mecai.errors import HostError, MecaiError
from mecai.probing.lookups import Look
from mecai.probing.quorum import Perspective, are_enough
from mecai.service.at_once import at_once
from mecai.service.printable import words

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class View:
    """A place from which the DNS is asked."""

    perspective: Perspective
    look: Look


@dataclass(frozen=True)
class Views:
    """The VAS's own view, and those of all its agents."""

    views: Sequence[View]

    def ask(self, question: Callable[[Look], Result]) -> Mapping[Perspective, Result]:
        """Ask everywhere at once, each by the way to look there; returns what those found that answered.

        Raises `HostError` where they are too few: what they did not see may be what somebody keeps from them.
        """
        answers = at_once(partial(_answer, question), self.views, "view")
        places = [view.perspective for view in self.views]
        failures = [f"{place.name}: {fault}" for place, (_, fault) in zip(places, answers, strict=True) if fault]
        found = {place: seen[0] for place, (seen, _) in zip(places, answers, strict=True) if seen}
        if not self.are_enough(found):
            raise HostError(f"the DNS, asked at {len(self.views)} places: {'; '.join(failures)}")
        for failure in failures:
            LOG.warning("no answer from the DNS: %s", failure)
        return found

    def are_enough(self, perspectives: Collection[Perspective]) -> bool:
        """Tell whether these, of all, are a quorum."""
        return are_enough(perspectives, len(self.views) - 1)


def _answer(question: Callable[[Look], Result], view: View) -> tuple[tuple[Result, ...], str]:
    try:
        return (question(view.look),), ""
    except (OSError, MecaiError) as error:
        return (), words(error) if isinstance(error, OSError) else str(error)
