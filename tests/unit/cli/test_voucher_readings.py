"""`mecai voucher view`: a strict and a lenient reading, and where in the octets they part."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.cli.lenient.tree import UnreadableError
from mecai.cli.lenient.voucher import read_leniently
from mecai.cli.show.readings import read_twice
from mecai.cli.show.voucher import document
from mecai.errors import InputError, Malformed
from mecai.protocol.objects.voucher import parse_voucher
from tests.conformance import vectors
from tests.scene import Scene
from tests.unit.cli.program import Ended, mecai

SCENE = Scene()
GOOD = SCENE.voucher(SCENE.birch)
STRICT = document(parse_voucher(GOOD))
VOUCHERS = {
    vectors.octets(text)
    for vector in vectors.load()
    if vector.kind == "connection"
    for text in vector.question["vouchers"]
}


def view(folder: Path, octets: bytes, *more: object) -> Ended:
    (folder / "voucher.der").write_bytes(octets)
    return mecai("voucher", "view", folder / "voucher.der", *more)


def test_a_good_voucher_is_read_alike_by_both(tmp_path: Path) -> None:
    found = json.loads(view(tmp_path, GOOD, "--format", "json").out)
    assert (found["strictReading"], found["parts"]) == ("read", [])
    lenient = read_leniently(GOOD)
    assert lenient.fields == {name: STRICT[name] for name in lenient.fields if name in STRICT} | {"version": 1}
    assert len(lenient.fields) == 13


def replaced(before: bytes, after: bytes) -> Callable[[], tuple[bytes, int]]:
    """Return a voucher with one place exchanged by octets of the same number, and where that is."""
    assert len(before) == len(after)

    def make() -> tuple[bytes, int]:
        assert GOOD.count(before) == 1, GOOD.count(before)
        return GOOD.replace(before, after), GOOD.index(before)

    return make


INFO = bytes.fromhex(str(STRICT["authority"]))
FAULTS = {
    "time with an offset": ("I7", replaced(b"20260303115500Z", b"202603031155+00")),
    "version 2": ("O7", replaced(b"\x02\x01\x01\x04\x08" + INFO, b"\x02\x01\x02\x04\x08" + INFO)),
    "an octet after the end": ("I6", lambda: (GOOD + b"\0", len(GOOD))),
    "another content type": (
        "O1",
        replaced(
            b"\x06\x0b\x2b\x06\x01\x04\x01\x81\xfd\x59\x04\x01\x01\xa0",
            b"\x06\x0b\x2b\x06\x01\x04\x01\x81\xfd\x59\x04\x01\x07\xa0",
        ),
    ),
}


@pytest.mark.parametrize(("rule", "make"), FAULTS.values(), ids=FAULTS.keys())
def test_what_the_strict_reader_refuses_is_shown_with_place_and_rule(
    rule: str, make: Callable[[], tuple[bytes, int]], tmp_path: Path
) -> None:
    octets, place = make()
    ended = view(tmp_path, octets, "--format", "json")
    assert ended.code == 1
    assert ended.err.startswith("mecai: malformed (V1)")
    found = json.loads(ended.out)
    assert found["addresses"] == ["198.18.0.10"]
    assert found["strictReading"].startswith("refused: malformed")
    assert any(part["rule"] == rule and abs(part["offset"] - place) <= 4 for part in found["parts"]), found["parts"]


def test_people_see_the_place_too(tmp_path: Path) -> None:
    ended = view(tmp_path, GOOD + b"\0\0")
    assert f"octet {len(GOOD)}" in ended.out
    assert "(I6)" in ended.out


def test_what_is_no_voucher_at_all_is_one_line(tmp_path: Path) -> None:
    for octets in (b"", b"damaged", b"\x30\x80" * 200, SCENE.signed_directory(), b"0" * (1 << 21)):
        ended = view(tmp_path, octets)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.count("\n") == 1


def test_each_voucher_of_the_suite_is_read_or_named_and_every_refusal_has_a_place() -> None:
    """Some 800 vouchers, right and wrong in every way that the specification names."""
    read = 0
    for octets in VOUCHERS:
        try:
            found = read_twice(octets, "voucher")
        except InputError:
            continue
        read += 1
        assert bool(found.parts) == bool(found.refusal), (found.refusal, found.parts)
    assert read > len(VOUCHERS) * 0.9


@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_damaged_octets_end_in_a_reading_or_one_named_error(chance: random.Random, times: int) -> None:
    octets = bytearray(GOOD)
    for _ in range(times):
        place = chance.randrange(len(octets))
        match chance.randrange(3):
            case 0:
                octets[place] = chance.randrange(256)
            case 1:
                del octets[place : place + chance.randrange(1, 40)]
            case _:
                octets[place:place] = chance.randbytes(chance.randrange(1, 40))
    try:
        read_twice(bytes(octets), "voucher").document("text")
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_leniently(octets)
    with pytest.raises(Malformed):
        parse_voucher(octets)
