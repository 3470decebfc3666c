"""Reason codes: the specification, the code and the advice agree."""

import re
from pathlib import Path

import pytest

import mecai.protocol
from mecai.errors import Malformed, VerificationError
from mecai.reasons import REASONS
from mecai.vas.refusal import Code

SPEC = Path(__file__).parents[3] / "docs" / "spec"
TEXT = "\n".join(page.read_text() for page in sorted(SPEC.glob("*.md")))
LIST = (SPEC / "11-reason-codes.md").read_text()
LISTED = re.findall(r"^\| `([a-z-]+)` \| ([A-Z0-9, ]+) \| (.+) \|$", LIST, re.MULTILINE)
RAISED = re.compile(r'VerificationError\(\s*"([a-z-]+)", "([A-Z0-9]+)"')


def text_of(rule: str) -> str:
    """Return what the specification says under a rule's number: an item of a list, or a row of a table."""
    found = re.search(rf"^(?:- |\| )\*\*{rule}\*\*(.*?)(?=^- |^\| |^\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, rule
    return found[1]


def test_the_specification_lists_what_the_code_knows() -> None:
    assert [(code, ", ".join(reason.rules), reason.meaning) for code, reason in REASONS.items()] == LISTED


@pytest.mark.parametrize(("code", "rule"), [(code, rule) for code, reason in REASONS.items() for rule in reason.rules])
def test_each_rule_names_its_codes(code: str, rule: str) -> None:
    assert f"`{code}`" in text_of(rule)


def test_the_code_raises_what_is_listed() -> None:
    sources = Path(mecai.protocol.__path__[0]).rglob("*.py")
    raised = {pair for source in sources for pair in RAISED.findall(source.read_text())}
    assert ("no-voucher", "C1") in raised
    assert raised <= {(code, rule) for code, reason in REASONS.items() for rule in reason.rules}


def test_a_vas_answers_with_the_codes_of_r7() -> None:
    answers = (SPEC / "4-request.md").read_text().split("**R7**")[1].split("**R8**")[0]
    assert all(f"`{code}`" in answers for code in Code)


def test_an_error_knows_what_to_do() -> None:
    assert Malformed("x").diagnostics() == REASONS["malformed"].advice
    assert VerificationError("of-the-future", "V99", "x").diagnostics() == ""
    assert all(reason.meaning and reason.advice for reason in REASONS.values())
