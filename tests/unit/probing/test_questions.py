"""What a VAS asks an agent and is answered: there and back, and everything that is wrong is named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mecai.errors import Malformed
from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeResult, ProbeTarget
from mecai.probing.offer import offers_for
from mecai.probing.questions import LARGEST_QUESTION, Question, answer, parse_answer, parse_question
from mecai.protocol.limits import LIMITS
from tests.pki import Hierarchy

SITE = Hierarchy("alder").server("www.example.test")
ONE, TWO = bytes([198, 18, 0, 1]), bytes.fromhex("20010db8000000000000000000000001")
NONCE = bytes(range(16))
TARGET = ProbeTarget((ONE, TWO), 443, "www.example.test", offers_for(SITE.chain), SITE.chain_der)
FOUND = Corroboration((
    ProbeResult(ONE, ProbeOutcome.AGREED, intermediates_matched=True),
    ProbeResult(TWO, ProbeOutcome.ANOTHER_CERTIFICATE, details=("another one",), seen=(bytes(32),)),
))  # fmt: skip

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("name", ["www.example.test", None])
def test_a_question_arrives_as_it_was_asked(name: str | None) -> None:
    question = Question(NONCE, ProbeTarget(TARGET.addresses, 443, name, TARGET.offers, TARGET.chain))
    assert parse_question(question.encode()) == question


def test_an_answer_arrives_as_it_was_given() -> None:
    assert parse_answer(answer(NONCE, FOUND), Question(NONCE, TARGET)) == FOUND


def test_the_largest_request_makes_no_question_that_is_too_large() -> None:
    chain = (bytes(LIMITS.request_size),)
    addresses = (bytes.fromhex("20010db8" + "ff" * 12),) * LIMITS.addresses
    target = ProbeTarget(addresses, 443, "x" * 253, (), chain)
    assert len(Question(NONCE, target).encode()) <= LARGEST_QUESTION


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda q: q.pop("nonce"), "member 'nonce' is missing"),
        (lambda q: q.update(nonce="00"), "question.nonce: expected 16 octets"),
        (lambda q: q.update(addresses=[]), "1 to 16 addresses"),
        (lambda q: q.update(addresses=[{"address": "198.18.0.1"}] * 17), "1 to 16 addresses"),
        (lambda q: q.update(addresses=[{"address": "localhost"}]), "localhost"),
        (lambda q: q.update(port=0), "a port"),
        (lambda q: q.update(port=65536), "a port"),
        (lambda q: q.update(port=True), "question.port: expected an integer"),
        (lambda q: q.update(chain=[]), "a chain"),
        (lambda q: q.update(chain=["AAAA"]), "question.chain"),
        (lambda q: q.update(serverName="a..b"), "question: "),
        (lambda q: q.update(serverName=None), "question.serverName: expected a text"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(change: Change, said: str) -> None:
    members = json.loads(Question(NONCE, TARGET).encode())
    change(members)
    with pytest.raises(Malformed, match=said):
        parse_question(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.update(nonce="00" * 16), "is not that of the question"),
        (lambda a: a["results"].pop(), "one for each address of the question"),
        (lambda a: a["results"].reverse(), "one for each address of the question"),
        (lambda a: a["results"][0].update(address="198.18.0.9"), "one for each address of the question"),
        (lambda a: a["results"][0].update(outcome="perhaps"), r"results\[0\].outcome: expected one of agreed"),
        (lambda a: a["results"][0].update(intermediatesMatched=1), "expected true or false"),
        (lambda a: a["results"][1].update(seen=["00"]), r"results\[1\].seen"),
        (lambda a: a["results"][1].update(detail="x" * 301), r"results\[1\].detail"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(change: Change, said: str) -> None:
    members = json.loads(answer(NONCE, FOUND))
    change(members)
    with pytest.raises(Malformed, match=said):
        parse_answer(json.dumps(members).encode(), Question(NONCE, TARGET))
