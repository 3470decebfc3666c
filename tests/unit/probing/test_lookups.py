"""What a VAS asks an agent about the DNS: there and back, bounded, and tied to its question."""

import base64
import json
from typing import Any

import pytest

from mecai.errors import Malformed
from mecai.probing.lookups import LONGEST, MOST, Lookup, RecordType, answer_lookup, parse_lookup, parse_records
from mecai.probing.questions import LARGEST_ANSWER

NONCE = bytes(range(16))
LOOKUP = Lookup(NONCE, "_mecai-complaint.example.test", RecordType.TXT)
RECORDS = (("", b"one"), ("iodef", b"\xff\x00"))


def test_both_arrive_as_they_were_sent() -> None:
    assert parse_lookup(LOOKUP.encode()) == LOOKUP
    assert parse_records(answer_lookup(NONCE, RECORDS), LOOKUP) == RECORDS


@pytest.mark.parametrize("name", ["example.test", "_mecai-complaint._x.example.test", "one._domainkey.example.test"])
def test_names_below_underscores_are_asked_for(name: str) -> None:
    asked = Lookup(NONCE, name, RecordType.TXT)
    assert parse_lookup(asked.encode()) == asked


@pytest.mark.parametrize(
    "name", ["a_b.test", "__a.test", "_.test", "_-a.test", "_test", "a._test", "_192.0.2.1", "a..test"]
)
def test_what_is_no_name_of_a_question(name: str) -> None:
    with pytest.raises(Malformed, match=r"question\.name: "):
        parse_lookup(Lookup(NONCE, name, RecordType.TXT).encode())


def test_the_largest_answer_is_one_that_a_vas_takes() -> None:
    octets = answer_lookup(NONCE, (("contactemail", bytes(LONGEST)),) * (MOST + 1))
    assert len(octets) <= LARGEST_ANSWER
    assert len(parse_records(octets, LOOKUP)) == MOST


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nonce": bytes(16).hex()}, "answer.nonce: is not that of the question"),
        ({"records": [{"value": "!"}]}, r"answer.records\[0\].value: expected base64"),
        ({"records": [{"value": base64.b64encode(b"x").decode()}] * (MOST + 1)}, f"expected {MOST} at most"),
        ({"records": [{"tag": "a\nb", "value": ""}]}, r"answer.records\[0\].tag: expected a text"),
        ({"records": None}, "answer.records: expected a list"),
    ],
)
def test_what_is_no_answer(change: dict[str, Any], said: str) -> None:
    changed = json.loads(answer_lookup(NONCE, RECORDS)) | change
    with pytest.raises(Malformed, match=said):
        parse_records(json.dumps(changed).encode(), LOOKUP)
