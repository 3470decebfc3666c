"""The committed vectors: made by the cases, described by the schema, silent about what is expected."""

import json
import lzma
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conformance import vectors

VECTORS = vectors.load()
SCHEMA = json.loads(vectors.SCHEMA.read_text(encoding="utf-8"))
GROUPS = sorted(vectors.FOLDER.glob("*.json"))


def validator(definition: str = "") -> Draft202012Validator:
    """Return a validator for the whole schema, or for one of its definitions."""
    schema = {"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{definition}"} if definition else SCHEMA
    return Draft202012Validator(schema)


def test_the_cases_make_exactly_these() -> None:
    assert vectors.differences() == []


def test_a_difference_is_found(tmp_path: Path) -> None:
    vectors.write(tmp_path)
    assert vectors.differences(tmp_path) == []
    (tmp_path / "tls.json").write_text("{}")
    (tmp_path / "request.json").rename(tmp_path / "requests.json")
    (tmp_path / "octets.json.xz").write_bytes(lzma.compress(b"{}"))
    assert vectors.differences(tmp_path) == [
        "octets.json.xz: differs",
        "request.json: not committed",
        "requests.json: no case makes it",
        "tls.json: differs",
    ]
    vectors.write(tmp_path)
    assert vectors.differences(tmp_path) == []


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: path.stem)
def test_every_file_is_valid(path: Path) -> None:
    validator().validate(json.loads(path.read_text(encoding="utf-8")))


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(vector.identifier for vector in VECTORS).items() if times > 1] == []
    assert len(VECTORS) >= 80


def test_what_a_client_reads_is_valid_and_says_nothing_of_the_answer() -> None:
    question = validator("question")
    for vector in VECTORS:
        line = vector.line()
        assert line.count(b"\n") == 1
        asked = json.loads(line)
        question.validate(asked)
        assert asked.keys() == {"id", "kind", "input"}
        assert b'"@' not in line
        assert not any(word in vector.identifier for word in ("accept", "refus", "ignor"))


def test_expectations_are_answers() -> None:
    answer = validator("answer")
    for vector in VECTORS:
        answer.validate({"id": vector.identifier, **vector.expected})


def test_everything_shared_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in GROUPS)
    assert [name for name in vectors.read_octets() if f'"@{name}"' not in text] == []


def test_they_are_small() -> None:
    """As a clone carries them."""
    assert sum(path.stat().st_size for path in vectors.FOLDER.iterdir()) < 1_500_000
