"""What is asked at the same time is asked once."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mecai.client.in_flight import InFlight
from mecai.errors import VerificationError
from mecai.service.background import in_background
from mecai.service.deadline import Deadline
from tests.patience import SECONDS


class Waiting(Deadline):
    """A deadline that tells when somebody waits by it."""

    def __init__(self, seconds: float = SECONDS) -> None:
        super().__init__(seconds)
        self.begun = threading.Event()

    def left(self) -> float:
        """Tell, and return the seconds that are left."""
        self.begun.set()
        return super().left()


class First:
    """A question that is being asked until `go` is set, and then ends as `end` does."""

    def __init__(self, in_flight: InFlight[Any], end: Callable[[], Any]) -> None:
        self.go, self._begun, self._end = threading.Event(), threading.Event(), end
        self.answer = in_background(lambda: in_flight.ask("key", self._ask, Deadline(SECONDS)))
        assert self._begun.wait(SECONDS)

    def _ask(self) -> Any:
        self._begun.set()
        assert self.go.wait(SECONDS)
        return self._end()


def never() -> None:
    raise AssertionError("asked twice")


def test_the_second_has_the_answer_of_the_first() -> None:
    in_flight: InFlight[str] = InFlight()
    first, waiting = First(in_flight, lambda: "answer"), Waiting()
    second = in_background(lambda: in_flight.ask("key", never, waiting))  # type: ignore[arg-type]
    assert waiting.begun.wait(SECONDS)
    first.go.set()
    assert (first.answer.result(SECONDS), second.result(SECONDS)) == ("answer", "answer")


def test_the_second_has_the_refusal_of_the_first() -> None:
    in_flight: InFlight[str] = InFlight()

    def refuse() -> None:
        raise VerificationError("quorum", "C2", "too few")

    first, waiting = First(in_flight, refuse), Waiting()
    second = in_background(lambda: in_flight.ask("key", never, waiting))  # type: ignore[arg-type]
    assert waiting.begun.wait(SECONDS)
    first.go.set()
    for answer in (first.answer, second):
        with pytest.raises(VerificationError, match="quorum"):
            answer.result(SECONDS)


def test_nobody_waits_beyond_his_own_deadline() -> None:
    in_flight: InFlight[str] = InFlight()
    first = First(in_flight, lambda: "answer")
    with pytest.raises(VerificationError, match="there was no answer to who asked before"):
        in_flight.ask("key", never, Deadline(0.01))  # type: ignore[arg-type]
    first.go.set()
    assert first.answer.result(SECONDS) == "answer"


def test_one_who_is_interrupted_leaves_it_to_the_next() -> None:
    in_flight: InFlight[str] = InFlight()

    def interrupted() -> None:
        raise KeyboardInterrupt

    first, waiting = First(in_flight, interrupted), Waiting()
    second = in_background(lambda: in_flight.ask("key", lambda: "own", waiting))
    assert waiting.begun.wait(SECONDS)
    first.go.set()
    assert second.result(SECONDS) == "own"
    assert isinstance(first.answer.exception(SECONDS), KeyboardInterrupt)


def test_nothing_is_remembered_and_other_questions_are_their_own() -> None:
    in_flight: InFlight[str] = InFlight()
    first = First(in_flight, lambda: "answer")
    assert in_flight.ask("other", lambda: "other", Deadline(SECONDS)) == "other"
    first.go.set()
    assert first.answer.result(SECONDS) == "answer"
    assert in_flight.ask("key", lambda: "again", Deadline(SECONDS)) == "again"


def test_a_fork_waits_for_nobody_of_its_parent() -> None:
    in_flight: InFlight[str] = InFlight()
    first = First(in_flight, lambda: "answer")
    with in_flight._lock:  # as a thread of the parent may have it at that moment
        child = os.fork()
        if child == 0:
            os._exit(0 if in_flight.ask("key", lambda: "own", Deadline(SECONDS)) == "own" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    first.go.set()
    assert first.answer.result(SECONDS) == "answer"
