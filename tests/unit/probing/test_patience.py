"""How long agents are waited for, who is paused, and when he is asked again."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from mecai.probing import patience as module
from mecai.probing.patience import PAUSE_SECONDS, Answers, Fate, Patience, Round
from mecai.probing.quorum import Perspective, are_enough
from tests.patience import SECONDS

HERE = Perspective("vas", "north")


@dataclass
class Played:
    """An agent that answers whether it agrees, or None; not before its `door` is open."""

    name: str
    agrees: bool | None = True
    door: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    @property
    def perspective(self) -> Perspective:
        """Where it looks from."""
        return Perspective(self.name, self.name)

    def answer(self) -> bool | None:
        """Answer, late or not."""
        self.asked += 1
        self.door.wait(SECONDS)
        return self.agrees


Agents = Callable[..., list[Played]]


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agents]:
    """Make agents, whose doors are open unless they are `silent`; they end with the test."""
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.02)
    made: list[Played] = []

    def make(*agree: bool | None, silent: Sequence[int] = ()) -> list[Played]:
        made.extend(Played(f"agent-{number}", each) for number, each in enumerate(agree))
        for number, agent in enumerate(made):
            if number not in silent:
                agent.door.set()
        return made

    yield make
    ended(*made)


def ended(*agents: Played) -> None:
    """Let agents answer, and wait until they have."""
    for agent in agents:
        agent.door.set()
    for thread in threading.enumerate():
        if thread.name.startswith("perspective"):
            thread.join(SECONDS)


def ask(agents: Sequence[Played], patience: Patience) -> list[bool | None]:
    """Ask as a VAS does, and return each agent's answer."""

    def enough(answers: Answers[bool], others: Sequence[Perspective]) -> bool:
        return are_enough([HERE, *(place for place, agrees in answers.items() if agrees), *others], len(agents))

    return list(Round(agents, Played.answer, patience).answers(enough).values())


def counts(agents: Sequence[Played]) -> list[int]:
    return [agent.asked for agent in agents]


def test_who_can_change_nothing_is_not_waited_for_and_then_not_asked(agents: Agents) -> None:
    played, patience = agents(True, True, silent=[1]), Patience()
    assert ask(played, patience) == [True, None]
    assert ask(played, patience) == [True, None]
    assert counts(played) == [2, 1]


def test_nor_where_there_is_no_quorum_without_it_or_with_it(agents: Agents) -> None:
    played, patience = agents(False, False, True, silent=[2]), Patience()
    assert ask(played, patience) == [False, False, None]


def test_who_answers_after_all_is_asked_again(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    played, patience = agents(True, True, silent=[1]), Patience()
    ask(played, patience)
    ended(played[1])
    monkeypatch.setattr(module, "GRACE_SECONDS", SECONDS)
    assert ask(played, patience) == [True, True]


def test_who_does_not_is_asked_again_after_a_while(agents: Agents) -> None:
    now = [0.0]
    played, patience = agents(True, None, silent=[1]), Patience(lambda: now[0])
    ask(played, patience)
    ended(played[1])
    for seconds, times in ((0.0, 1), (PAUSE_SECONDS - 1, 1), (PAUSE_SECONDS, 2)):
        now[0] = seconds
        ask(played, patience)
        ended(played[1])  # whom nobody waited for
        assert played[1].asked == times


def test_who_is_needed_is_asked_at_once_and_waited_for(agents: Agents) -> None:
    played, patience = agents(True, True, silent=[1]), Patience()
    ask(played, patience)
    played[0].agrees = False
    answers: list[bool | None] = []
    asking = threading.Thread(target=lambda: answers.extend(ask(played, patience)))
    asking.start()
    asking.join(0.1)  # longer than the grace
    assert asking.is_alive()
    ended(played[1])
    asking.join(SECONDS)
    assert answers == [False, True]
    assert counts(played) == [2, 2]


def test_an_agent_alone_is_always_needed(agents: Agents) -> None:
    (alone,), patience = agents(True), Patience()
    patience.pause(alone.perspective, Future())
    assert ask([alone], patience) == [True]


def test_what_comes_of_each_question_is_counted(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 2.0)  # the others are not late on a busy machine either
    told: list[tuple[str, Fate]] = []
    played = agents(True, None, True, True, True, True, silent=[2])
    patience = Patience(count=lambda place, fate: told.append((place.name, fate)))
    for third in (Fate.LATE, Fate.SPARED):
        ask(played, patience)
        fates = [Fate.ANSWERED, Fate.FAILED, third, *[Fate.ANSWERED] * 3]
        assert told == [(f"agent-{place}", fate) for place, fate in enumerate(fates)]
        told.clear()


def test_nobody_is_asked_where_there_is_nobody() -> None:
    assert ask([], Patience()) == []
