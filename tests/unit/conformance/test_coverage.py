"""No rule and no reason code without a case, from both sides; computed from specification and code.

A new rule in docs/spec, or a new reason code in `mecai.protocol`, fails here until a case holds it.
"""

import re
from collections import defaultdict
from pathlib import Path

from mecai.reasons import REASONS
from tests.conformance import vectors

ROOT = Path(__file__).resolve().parents[3]
VECTORS = vectors.load()
LETTERS = "VCOEKIDTSRM"  # the others (P, H, X, F) are about services and what they do over time

# Rules that a verdict on octets cannot show, and why.
NOT_A_CASE = {
    "M1": "is about what follows a verdict",
    "M2": "is about what follows a verdict",
    "M3": "is about what follows a verdict",
    "M5": "is about HTTP",
    "C6": "when the verdict falls is seen on a connection only",
    "I1": "an arc of one's own replaces every identifier at once",
    "I2": "the code points stand before the octets that a case has",
    "I4": "defines the hashes of V8, D2 and D7",
    "K4": "is for who holds a key",
    "K6": "is for who makes a key",
    "O15": "is about what is not there",
    "T1": "is about the ClientHello as a whole",
    "T2": "is about the message that carries the answer",
    "T9": "is about the connection",
    "T10": "is about a later connection",
    "T11": "is about the ClientHello as a whole",
    "S3": "has no one right answer",
    "S5": "is about storage",
    "S6": "is about what follows an acceptance",
    **{f"R{number}": "is about HTTP" for number in (1, 4, 5, 6, 7, 8, 9, 10)},
}

# Rules that can only be met, or only be broken, by what a case shows.
ONE_SIDE = {
    "O6": "defines the voucher hash: two encodings, one voucher",
    "T3": "what a client has to ignore does not refuse a connection",
    "T8": "a client may resume what it accepted, and need not",
    "S1": "a selection is never refused",
    "S2": "a selection is never refused",
    "S4": "a selection is never refused",
}


def rules() -> set[str]:
    """Return the numbers of the rules in docs/spec."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "spec").glob("*.md"))
    return {number for number in re.findall(r"\*\*([A-Z]\d+)\*\*", text) if number[0] in LETTERS}


def verdicts() -> dict[str, set[str]]:
    """Return the expected verdicts by rule."""
    found = defaultdict(set)
    for vector in VECTORS:
        for rule in vector.rules:
            found[rule].add(vector.expected["verdict"])
    return found


def test_every_rule_has_a_case_or_a_reason() -> None:
    assert rules() - verdicts().keys() == NOT_A_CASE.keys()


def test_every_rule_has_cases_on_both_sides() -> None:
    one_sided = {rule for rule, found in verdicts().items() if not {"accepted", "refused"} <= found}
    assert one_sided == ONE_SIDE.keys()


def test_cases_cite_rules_that_there_are() -> None:
    assert verdicts().keys() <= rules()


def test_every_reason_code_is_expected_under_each_of_its_rules() -> None:
    given = {(code, rule) for code, reason in REASONS.items() for rule in reason.rules}
    found = {(vector.expected.get("reason"), rule) for vector in VECTORS for rule in vector.rules}
    assert given <= found


def test_no_other_reason_is_expected() -> None:
    expected = {vector.expected["reason"] for vector in VECTORS if "reason" in vector.expected}
    assert expected == REASONS.keys() | {"decode_error", "illegal_parameter"}


def test_descriptions_cite_and_tell() -> None:
    assert [vector.identifier for vector in VECTORS if len(vector.description) < 20 or "{}" in vector.description] == []
