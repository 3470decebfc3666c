"""How long the agents of a VAS are waited for: until they decide, and a short grace for those that are late.

An agent that was late is not asked for a while, unless it answers after all, or the quorum cannot do without it: then
it is asked at once. So one that is silent keeps nobody waiting; left out, it counts as one that did not answer.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar

from mecai.probing.quorum import Perspective
from mecai.service.logs import carried

LOG = logging.getLogger(__name__)
GRACE_SECONDS: Final = 1.0  # for those that can change nothing, from when that is so
PAUSE_SECONDS: Final = 30.0  # that an agent is not asked after it was late

Answer = TypeVar("Answer")
Answers = Mapping[Perspective, Answer | None]


class Fate(StrEnum):
    """What came of a question to somebody."""

    ANSWERED = "answered"
    FAILED = "failed"  # while he was waited for
    LATE = "late"
    SPARED = "spared"  # he was late before, and not asked


Count = Callable[[Perspective, Fate], None]


class Placed(Protocol):
    """Somebody who can be asked, somewhere."""

    @property
    def perspective(self) -> Perspective:
        """Where he is."""
        ...


Agent = TypeVar("Agent", bound=Placed)


class Patience:
    """Who was late, for all requests of a process; its methods may be called in any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, count: Count = lambda *_: None) -> None:
        """Let nobody be late; `count` hears what comes of each question."""
        self._clock = clock
        self.count: Final = count
        self._until: dict[Perspective, float] = {}

    def is_paused(self, place: Perspective) -> bool:
        """Tell whether somebody there was late a short while ago, and has not answered since."""
        return self._until.get(place, 0.0) > self._clock()

    def pause(self, place: Perspective, late: "Future[Answer | None]") -> None:
        """Ask nobody there for a while, or until the answer that was not waited for is there."""
        LOG.warning("an agent was late: %s is not asked for %d seconds unless needed", place.name, PAUSE_SECONDS)
        self._until[place] = self._clock() + PAUSE_SECONDS
        late.add_done_callback(lambda ended: self._resume(place, ended))

    def _resume(self, place: Perspective, ended: "Future[Answer | None]") -> None:
        if not ended.cancelled() and ended.exception() is None and ended.result() is not None:
            self._until.pop(place, None)


class Round(Generic[Agent, Answer]):
    """One question to several agents; `ask` raises nothing, and its time is bounded."""

    def __init__(self, agents: Sequence[Agent], ask: Callable[[Agent], Answer | None], patience: Patience) -> None:
        self._ask = carried(ask)
        self._patience = patience
        self._pool = ThreadPoolExecutor(max(1, len(agents)), thread_name_prefix="perspective")
        self._pending: dict[Future[Answer | None], Perspective] = {}
        self._spared = [agent for agent in agents if patience.is_paused(agent.perspective)]
        self._places = [agent.perspective for agent in agents]
        self._answers: dict[Perspective, Answer | None] = {}
        self._submit([agent for agent in agents if agent not in self._spared])

    def answers(self, outcome: Callable[[Answers[Answer], Sequence[Perspective]], object]) -> Answers[Answer]:
        """Return the answer of each place, None where there is none (yet).

        `outcome` is what follows from answers if those at further places agree: where that is the same with and
        without them, they decide nothing.
        """
        try:
            while not self._is_decided(outcome):
                self._collect(None)
            deadline = time.monotonic() + GRACE_SECONDS
            while self._pending and (left := deadline - time.monotonic()) > 0:
                self._collect(left)
        finally:
            for late, place in self._pending.items():
                self._patience.pause(place, late)
            self._pool.shutdown(wait=False)
        for place in self._places:
            self._patience.count(place, self._fate(place))
        return {place: self._answers.get(place) for place in self._places}

    def _fate(self, place: Perspective) -> Fate:
        if place in self._answers:
            return Fate.FAILED if self._answers[place] is None else Fate.ANSWERED
        return Fate.LATE if place in self._pending.values() else Fate.SPARED

    def _is_decided(self, outcome: Callable[[Answers[Answer], Sequence[Perspective]], object]) -> bool:
        """Tell whether nobody can change the outcome; asks those that were to be spared where only they can."""
        asked = list(self._pending.values())
        most = outcome(self._answers, [*asked, *(agent.perspective for agent in self._spared)])
        if outcome(self._answers, asked) != most:
            self._submit(self._spared)
            self._spared = []
        return outcome(self._answers, []) == most

    def _submit(self, agents: Sequence[Agent]) -> None:
        self._pending |= {self._pool.submit(self._ask, agent): agent.perspective for agent in agents}

    def _collect(self, seconds: float | None) -> None:
        """Wait for one answer at least."""
        done, _ = wait(self._pending, seconds, FIRST_COMPLETED)
        for ended in done:
            self._answers[self._pending.pop(ended)] = ended.result()
