"""The second client, which was written from the text alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import plain, vectors
from tests.conformance.plain.client import answer
from tests.conformance.runner import PASSED, Result

ROOT = Path(__file__).resolve().parents[3]
VECTORS = vectors.load()


@pytest.mark.parametrize("group", sorted({vector.group for vector in VECTORS}))
def test_cases(group: str) -> None:
    answered = [Result(vector, answer(vector.kind, vector.question)) for vector in VECTORS if vector.group == group]
    wrong = {result.vector.identifier: result.answer for result in answered if result.outcome != PASSED}
    assert answered
    assert wrong == {}


def test_nothing_of_the_product_is_in_it() -> None:
    """Nor of `cryptography` anything but primitives: two clients by one hand would prove little."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(plain.__file__).parent.glob("*.py"))
    imported = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", text, re.MULTILINE))
    assert not {name for name in imported if name.split(".")[0] in {"mecai", "testbed"}}
    foreign = {name for name in imported if name.startswith("cryptography")}
    assert foreign == {
        "cryptography.exceptions",
        "cryptography.hazmat.primitives",
        "cryptography.hazmat.primitives.asymmetric",
    }
    assert {name for name in imported if name.startswith("tests")} <= {
        "tests.conformance.plain",
        *(f"tests.conformance.plain.{path.stem}" for path in Path(plain.__file__).parent.glob("*.py")),
    }


def test_the_program_itself() -> None:
    command = [sys.executable, "-m", "tests.conformance.plain"]
    lines = b"".join(vector.line() for vector in VECTORS[:3]) + b'{"id": "a", "kind": "quic", "input": {}}\n'
    ended = subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, timeout=60, check=True)
    *_, last = ended.stdout.splitlines()
    assert len(ended.stdout.splitlines()) == 4
    assert b'"verdict": "skipped"' in last
