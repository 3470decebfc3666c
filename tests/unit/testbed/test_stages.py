"""Stages run in order, tell their progress, and fail with their name and where to look."""

from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from testbed.lifecycle.stages import Result, Stage, StageError, run
from testbed.machine.waiting import Note, until


class Listener:
    """A reporter that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, stage: str) -> None:
        """Remember the beginning."""
        self.heard.append(f"begin {stage}")

    def note(self, text: str) -> None:
        """Remember the progress."""
        self.heard.append(f"note {text}")

    def end(self, result: Result) -> None:
        """Remember the result."""
        self.heard.append(f"end {result.name}: {result.outcome}")


def working(name: str) -> Stage:
    def action(note: Note) -> str:
        note("half way")
        return "done"

    return Stage(name, action)


def failing(error: Exception, log: Path | None = None) -> Stage:
    def action(_note: Note) -> str:
        raise error

    return Stage("second", action, log, "testbed status")


def test_stages_run_in_order_and_are_timed() -> None:
    listener, ticks = Listener(), iter(range(0, 100, 5))

    results = run([working("first"), working("second")], listener, clock=lambda: next(ticks))

    assert results == [Result("first", 5, "done"), Result("second", 5, "done")]
    assert listener.heard[:3] == ["begin first", "note half way", "end first: done"]


def test_until_stops_after_the_stage_that_is_named() -> None:
    assert [result.name for result in run([working("first"), working("second")], Listener(), "first")] == ["first"]


def test_an_unknown_stage_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="no stage 'third': use one of first, second"):
        run([working("first"), working("second")], Listener(), "third")


def test_a_failure_names_the_stage_the_log_and_the_command(tmp_path: Path) -> None:
    log = tmp_path / "second.log"
    log.write_text("what happened", encoding="utf-8")

    with pytest.raises(StageError, match=r"^stage second: no mirror$") as caught:
        run([working("first"), failing(HostError("no mirror"), log)], Listener())

    assert caught.value.diagnostics() == f"log: {log}\nlook further: testbed status"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("error", "code"), [(InputError("bad"), 2), (HostError("bad"), 3), (OSError("bad"), 3)])
def test_the_exit_code_is_that_of_the_cause(error: Exception, code: int) -> None:
    with pytest.raises(StageError, match="stage second: bad") as caught:
        run([failing(error)], Listener())
    assert caught.value.exit_code == code


def test_a_wait_ends_with_what_it_waited_for() -> None:
    answers = iter([None, "", "there"])
    assert until(lambda: next(answers), 10, lambda: "never", clock=lambda: 0, pause=lambda _seconds: None) == "there"


def test_a_wait_is_bounded_and_says_what_was_missing() -> None:
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    with pytest.raises(HostError, match=r"^the host sleeps \(waited 3 s\)$"):
        until(lambda: None, 3, lambda: "the host sleeps", clock=lambda: now, pause=pause)
    assert 3 <= now < 4
