"""Stages of `make test` that a machine cannot run."""

import os
import sys
import threading
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import tests.__main__ as stages
from tests.__main__ import Lane, Outcome, Stage, _run
from tests.hosts_python import layer
from tests.hosts_python.prepare import REQUIREMENTS, build, obstacle, requirements


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


def test_each_test_with_real_servers_is_in_one_stage() -> None:
    """In this one, or left out here and named by another."""
    made = stages._stages()
    words = [word for name in ("ends", "vas", "install") for word in made[name].commands[0]]
    elsewhere = [word for word in words if word.startswith("tests/")]
    left_out = [word.removeprefix("--ignore=") for word in made["integration"].commands[0] if "--ignore=" in word]
    assert sorted(elsewhere) == sorted(left_out)
    assert all((stages.ROOT / path).is_file() for path in elsewhere)


def test_the_hosts_python_plays_no_role_and_meets_all_else() -> None:
    (command,) = stages._hosts_stage().commands
    left_out = [Path(word.removeprefix("--ignore=")) for word in command if "--ignore=" in word]
    plays = {path.name for path in left_out}
    assert {"test_certificate_role.py", "test_nodes.py"} <= plays
    assert not plays & {"test_certificate_request.py", "test_host_names.py", "test_whole_runs.py"}
    assert {path.parent for path in left_out} == {Path("tests/unit/ansible")}


def test_who_has_done_his_own_stages_takes_what_is_left_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    both, order = threading.Barrier(2, timeout=60), list[str]()

    def run(stage: Stage, _console: Console) -> Outcome:
        order.append(stage.name)
        if stage.name in {"long", "last"}:
            both.wait()  # the last of the code comes while its first one goes on
        return Outcome(stage.name, passed=1, failed=0, skipped=0, seconds=0.0)

    monkeypatch.setattr(stages, "_run", run)
    made = [Stage("long", []), Stage("last", []), Stage("lab", [], Lane.MACHINE), Stage("other", [], Lane.MACHINE)]
    assert [outcome.name for outcome in stages._run_all(made, Console())] == ["long", "last", "lab", "other"]
    assert order.index("lab") < order.index("other") < order.index("last")


def test_a_signal_that_ended_a_stage_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else nothing says why: who is killed writes no results."""
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "RESULTS", tmp_path)
    said = StringIO()
    outcome = _run(Stage("name", [["sh", "-c", "kill -HUP $$"]]), Console(file=said))
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert "ended by SIGHUP" in said.getvalue()


def test_another_python_has_every_package_but_the_fuzzer() -> None:
    pinned = requirements(build.PYTHON)
    assert pinned == REQUIREMENTS.read_text(encoding="utf-8")
    lines = pinned.splitlines()
    kept = requirements("3.14").splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("atheris==")]
    after = next(number for number, line in enumerate(lines) if number > first and not line.startswith(" "))
    assert kept == lines[:first] + lines[after:]


def test_a_list_of_debian_packages_is_read_without_its_reasons(tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("# all of it\nstrace # looks\n\napache2\n", encoding="utf-8")
    assert layer.packages(listing) == ["apache2", "strace"]
