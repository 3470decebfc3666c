"""Readiness: the world hears names of checks, the log hears why, and an answer is kept for a second."""

import pytest

from mecai.service.readiness import Readiness


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
