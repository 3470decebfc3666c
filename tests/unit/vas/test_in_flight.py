"""Identical requests in flight: one works, all get its result."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mecai.service.deadline import Deadline
from mecai.vas.admission.in_flight import RequestsInFlight
from tests.patience import SECONDS


class Work:
    """Work that says when it has begun and goes on when it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.count = 0
        self._error = error

    def __call__(self) -> int:
        """Count one run."""
        self.count += 1
        self.begun.set()
        assert self.go_on.wait(SECONDS)
        if self._error:
            raise self._error
        return self.count


class Telling(Deadline):
    """A deadline that says when somebody begins to wait."""

    def __init__(self) -> None:
        super().__init__(SECONDS)
        self.waited_for = threading.Event()

    def left(self) -> float:
        """Tell, then answer."""
        self.waited_for.set()
        return super().left()


def unexpected() -> int:
    raise AssertionError("this work is done by another")


def test_whoever_comes_meanwhile_shares_the_result() -> None:
    flights, work, waiting = RequestsInFlight[int](), Work(), Telling()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.join, b"key", work, Deadline(SECONDS))
        assert work.begun.wait(SECONDS)
        second = pool.submit(flights.join, b"key", unexpected, waiting)
        assert waiting.waited_for.wait(SECONDS)
        assert flights.join(b"other", lambda: 7, Deadline(SECONDS)) == 7
        with pytest.raises(TimeoutError):
            flights.join(b"key", unexpected, Deadline(0))
        work.go_on.set()
        assert (first.result(), second.result()) == (1, 1)


def test_what_is_over_is_not_joined() -> None:
    flights, work = RequestsInFlight[int](), Work()
    work.go_on.set()
    assert [flights.join(b"key", work, Deadline(SECONDS)) for _ in range(2)] == [1, 2]


def test_an_error_is_everybodys_and_then_forgotten() -> None:
    flights, work, waiting = RequestsInFlight[int](), Work(KeyError("gone")), Telling()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.join, b"key", work, Deadline(SECONDS))
        assert work.begun.wait(SECONDS)
        second = pool.submit(flights.join, b"key", unexpected, waiting)
        assert waiting.waited_for.wait(SECONDS)
        work.go_on.set()
        for future in (first, second):
            with pytest.raises(KeyError, match="gone"):
                future.result()
    assert flights.join(b"key", lambda: 3, Deadline(SECONDS)) == 3
