"""Readiness: the world hears names of checks, the log hears why, and an answer is kept for a second."""

import threading

import pytest

from mecai.service.background import in_background
from mecai.service.readiness import Readiness
from tests.patience import SECONDS


def good() -> None:
    """Pass."""


def bad() -> None:
    """Fail in the words of a driver."""
    raise OSError("/var/lib/secret: no such table")


def test_only_the_names_of_failed_checks_are_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = Readiness({"database": bad, "signer": good, "own-status": bad}).answer()
    assert answer == ({"status": "not ready", "failed": ["database", "own-status"]}, 503)
    assert "not ready: /var/lib/secret: no such table" in caplog.text


def test_an_answer_is_kept_for_a_second() -> None:
    now, asked = [5.0], []
    readiness = Readiness({"database": lambda: asked.append(now[0])}, lambda: now[0])
    for now[0] in (5.0, 5.9, 6.0, 6.5):
        assert readiness.answer() == ({"status": "ready"}, 200)
    assert asked == [5.0, 6.0]


def test_a_concern_is_named_and_leaves_the_service_ready(caplog: pytest.LogCaptureFixture) -> None:
    concerns = {"context ALT": bad, "context MOZ": good}
    assert Readiness({}, concerns=concerns).answer() == ({"status": "ready", "concerns": ["context ALT"]}, 200)
    assert "concern: /var/lib/secret: no such table" in caplog.text
    assert Readiness({"disk": bad}, concerns=concerns).answer() == ({"status": "not ready", "failed": ["disk"]}, 503)


def test_who_asks_while_a_check_hangs_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is cut off must not take one thread after the other, until the process seems dead too."""
    monkeypatch.setattr("mecai.service.readiness.PATIENCE", 0.01)
    asked, released = threading.Event(), threading.Event()

    def hangs() -> None:
        asked.set()
        assert released.wait(SECONDS)

    readiness = Readiness({"database": hangs})
    first = in_background(readiness.answer)
    assert asked.wait(SECONDS)
    assert readiness.answer() == ({"status": "not ready", "failed": ["unanswered"]}, 503)
    released.set()
    assert first.result(SECONDS) == readiness.answer() == ({"status": "ready"}, 200)
