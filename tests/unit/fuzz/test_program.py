"""`python -m tests.fuzz`: what it reports, and its exit codes. The targets are played, atheris is real."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.fuzz import __main__ as program
from tests.fuzz.__main__ import Outcome, fuzz

PLAYED = "tests.unit.fuzz.broken"
needs_atheris = pytest.mark.skipif(program.find_spec("atheris") is None, reason="atheris is made for x86-64 only")


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of state, with seeds for every played target beside it."""
    monkeypatch.setattr(program, "CORPUS", tmp_path / "corpus")
    for target in ("raises", "passes", "dies"):
        (tmp_path / "corpus" / target).mkdir(parents=True)
        (tmp_path / "corpus" / target / "seed").write_bytes(b"seed")
    return tmp_path / "state"


@needs_atheris
def test_a_finding_is_a_file(played: Path) -> None:
    outcome = fuzz("raises", 10, played, PLAYED)
    assert outcome.fault is None
    assert outcome.executions > 0
    assert outcome.finding is not None
    assert Path(outcome.finding).parent == played / "raises" / "findings"
    assert Path(outcome.finding).read_bytes()


@needs_atheris
def test_nothing_found(played: Path) -> None:
    outcome = fuzz("passes", 1, played, PLAYED)
    assert (outcome.finding, outcome.fault) == (None, None)
    assert outcome.executions > 100


@needs_atheris
def test_a_seed_is_the_fuzzers_own(played: Path) -> None:
    fuzz("passes", 1, played, PLAYED, seed=7)
    assert "Seed: 7\n" in (played / "passes" / "log").read_text()


def test_a_target_that_does_not_run(played: Path) -> None:
    assert fuzz("dies", 1, played, PLAYED).fault is not None


def test_a_target_that_does_not_end(played: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "START_SECONDS", -1)
    outcome = fuzz("passes", 1, played, PLAYED)
    assert outcome.fault is not None
    assert "did not end" in outcome.fault


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        ({"executions": 5}, 0, "nothing"),
        ({"executions": 5, "finding": "/x/crash"}, 1, "look again"),
        ({"fault": "ended with 5"}, 3, "ended with 5"),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any], code: int, words: str) -> None:
    monkeypatch.setattr(program, "fuzz", lambda target, *_, **_more: Outcome(target, **outcome))
    monkeypatch.setattr(program, "find_spec", bool)
    ended = CliRunner().invoke(program.main, ["--seconds", "1", "voucher"])
    assert ended.exit_code == code
    assert words in ended.output


def test_usage_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(program.main, ["nothing"]).exit_code == 2
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    ended = CliRunner().invoke(program.main, [])
    assert ended.exit_code == 3
    assert "atheris is not installed" in ended.output
