"""Both clients on cases with a fault more: the inputs follow from seed and number, and a difference is told."""

import json
import sys
from random import Random

import pytest
from asn1crypto import parser
from click.testing import CliRunner

from tests.conformance import differ, vectors
from tests.conformance.__main__ import main
from tests.conformance.mutated import mutated

VECTORS = vectors.load()
SOUND = next(vector for vector in VECTORS if vector.identifier == "everything-in-order")
DER = vectors.octets(SOUND.question["vouchers"][0])


def test_the_seed_and_the_number_make_the_input() -> None:
    first = [compared.question for compared in differ.compare(VECTORS, 5, range(8))]
    assert [compared.question for compared in differ.compare(VECTORS, 5, [3])] == [first[3]]
    assert [compared.question for compared in differ.compare(VECTORS, 6, range(8))] != first


def test_one_place_that_somebody_sent_is_changed_and_nothing_else() -> None:
    by_name = {vector.identifier: vector for vector in VECTORS}
    for compared in differ.compare(VECTORS, 1, range(60)):
        before = by_name[compared.vector.identifier].question
        members = [name for name in before if before[name] != compared.question[name]]
        assert members == [compared.member.split()[0]]


def test_faults_are_of_many_kinds_and_most_leave_the_lengths_whole() -> None:
    """What only damages the outermost length would never get past the first check."""
    made = {mutated(DER, Random(number)) for number in range(400)}  # noqa: S311 - a test's inputs
    assert len(made - {DER}) > 350
    whole = [octets for octets in made if octets and _size(octets) == len(octets)]
    assert len(whole) > len(made) / 2
    assert any(len(octets) > len(DER) for octets in whole)
    assert any(len(octets) < len(DER) for octets in whole)


@pytest.mark.parametrize("octets", [b"", b"\x01", b"{}", b"\x30\x05\x01"])
def test_what_is_no_der_gets_a_fault_too(octets: bytes) -> None:
    assert all(mutated(octets, Random(number)) != octets for number in range(10))  # noqa: S311 - a test's inputs


def _size(octets: bytes) -> int:
    try:
        return int(parser.peek(octets))
    except ValueError:
        return -1


_IGNORING = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "verdict": "ignored"}), flush=True)
"""


def test_a_program_takes_the_own_clients_place() -> None:
    with differ.outside([sys.executable, "-c", _IGNORING], 20) as program:
        compared = list(differ.compare(VECTORS, 1, range(3), program))
    assert [each.own for each in compared] == [{"verdict": "ignored"}] * 3
    assert not any(each.alike for each in compared)


def test_a_program_that_cannot_be_started_is_a_usage_error() -> None:
    ended = CliRunner().invoke(main, ["differ", "--client", "no-such-program-anywhere"])
    assert ended.exit_code == 2
    assert "no such program" in ended.output


def test_what_both_answer_alike_is_no_difference_whatever_they_say_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differ, "own", lambda *_: {"verdict": "refused", "reason": "expired", "rule": "V7"})
    monkeypatch.setattr(differ, "plain", lambda *_: {"verdict": "refused", "reason": "expired", "detail": "ended"})
    assert all(compared.alike for compared in differ.compare(VECTORS, 1, range(3)))


@pytest.mark.parametrize(
    "other",
    [
        {"verdict": "accepted", "vouchers": []},
        {"verdict": "refused", "reason": "malformed"},
        {"verdict": "refused", "reason": "expired", "vouchers": []},
    ],
)
def test_another_verdict_reason_or_result_is_told(other: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differ, "own", lambda *_: {"verdict": "refused", "reason": "expired"})
    monkeypatch.setattr(differ, "plain", lambda *_: other)
    ended = CliRunner().invoke(main, ["differ", "--count", "2"])
    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[-1] == "2 inputs, 2 differing"
    assert ended.stdout.startswith("0 ")
    assert "refused expired / " in ended.stdout


def test_a_crash_of_both_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> dict[str, object]:
        raise KeyError("one")

    monkeypatch.setattr(differ, "own", crash)
    monkeypatch.setattr(differ, "plain", crash)
    (compared,) = differ.compare(VECTORS, 1, [0])
    assert not compared.alike
    assert "CRASH KeyError('one')" in compared.line()


def test_one_input_is_shown_with_its_octets() -> None:
    ended = CliRunner().invoke(main, ["differ", "--only", "3"])
    (compared,) = differ.compare(VECTORS, 1, [3])
    shown, last = ended.stdout.rsplit("}\n", 1)
    assert json.loads(shown + "}") == {"kind": compared.vector.kind, "input": compared.question}
    assert last.endswith(f"1 inputs, {int(not compared.alike)} differing\n")
