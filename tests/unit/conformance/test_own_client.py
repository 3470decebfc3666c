"""This project's own client under every case."""

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import vectors
from tests.conformance.runner import PASSED, Result
from tests.conformance.vectors import Vector
from tests.harness.conformance_client import answer
from tests.unit.cli.program import mecai

ROOT = Path(__file__).resolve().parents[3]
VECTORS = vectors.load()


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # a later release of the library refuses it, as we do
@pytest.mark.parametrize("group", sorted({vector.group for vector in VECTORS}))
def test_cases(group: str) -> None:
    """The verdict is right, and a refusal names a rule that the case is about."""
    answered = [(vector, answer(vector.kind, vector.question)) for vector in VECTORS if vector.group == group]
    wrong = {vector.identifier: said for vector, said in answered if not right(vector, said)}
    assert answered
    assert wrong == {}


def right(vector: Vector, said: dict[str, Any]) -> bool:
    return Result(vector, said).outcome == PASSED and ("rule" not in said or said["rule"] in vector.rules)


def test_the_program_itself() -> None:
    """As anyone would run it: the real command, line by line, and its last line; `make conformance` runs the whole."""
    command = [sys.executable, "-m", "tests.conformance", "--client", "mecai conformance-client", "--case", "c*"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    asked = sum(vector.identifier.startswith("c") for vector in VECTORS)
    assert ended.stdout.splitlines()[-1] == f"{asked} passed, 0 failed, 0 skipped", ended.stdout
    assert ended.returncode == 0


def test_the_documentation_counts_them() -> None:
    said = f"{len(VECTORS)} passed, 0 failed, 0 skipped"
    assert said in (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


def test_a_kind_of_later_days_is_skipped_with_its_reason() -> None:
    assert answer("quic", {}) == {"verdict": "skipped", "reason": "cases of kind quic are unknown to this version"}


def test_no_case_at_all_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (
        "no JSON\n",
        "[]\n",
        '{"kind": "choice", "input": {}}\n',
        '{"id": "a", "kind": "choice", "input": {}}\n',
    ):
        monkeypatch.setattr(sys, "stdin", StringIO(line))
        ended = mecai("conformance-client")
        assert ended.code == 2
        assert ended.err.startswith("mecai: standard input: no case of the conformance suite")
        assert ended.err.count("\n") == 1
