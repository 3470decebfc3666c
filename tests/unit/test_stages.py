"""Stages of `make test` that a machine cannot run."""

import os
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import tests.__main__ as stages
from tests.__main__ import Outcome, Stage, _run
from tests.hosts_python.prepare import obstacle


def test_a_stage_with_an_obstacle_is_skipped_with_its_reason() -> None:
    said = StringIO()
    outcome = _run(Stage("name", [["/nonexistent"]], obstacle="no such animal"), Console(file=said))
    assert outcome == Outcome("name", passed=0, failed=0, skipped=1, seconds=0.0)
    assert "left out: no such animal" in said.getvalue()


def test_the_hosts_python_is_not_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 5))
    assert obstacle() == "this is Python 3.13 already"


def test_an_image_is_entered_by_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11, 2))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert obstacle() == "root is needed to enter the image"


def test_a_signal_that_ended_a_stage_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else nothing says why: who is killed writes no results."""
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "RESULTS", tmp_path)
    said = StringIO()
    outcome = _run(Stage("name", [["sh", "-c", "kill -HUP $$"]]), Console(file=said))
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert "ended by SIGHUP" in said.getvalue()
