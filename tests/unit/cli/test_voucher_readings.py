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
CASES = [vector for vector in vectors.load() if vector.kind == "connection"]
VOUCHERS = {vectors.octets(text) for vector in CASES for text in vector.question.get("vouchers", ())}


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
        if found.refusal:
            assert found.parts
            assert all(part.offset or part.rule == "I6" for part in found.parts), (
                found.refusal
            )  # none without its place
        else:  # what is compared as octets, or read where it is needed, may be no DER inside (O2, 12.5)
            assert {part.rule for part in found.parts} <= {"I6"}
    assert read > len(VOUCHERS) * 0.9


def suite(name: str) -> bytes:
    """Return the voucher of a case."""
    (octets,) = (
        vectors.octets(text) for each in CASES if each.identifier == name for text in each.question["vouchers"]
    )
    return octets


PLACED = {
    "e2-entry-as-set": ("E1", b"\x30"),
    "e2-method-of-no-octets": ("I6", b"\x0a\x00"),
    "e2-short-hash": ("E1", b"\x30"),
    "i6-padded-identifier": ("I6", b"\x06"),
    "i6-voucher-with-an-extension-of-a-fourth-field": ("O14", b"\x30"),
    "i6-voucher-with-an-extension-as-a-set": ("O14", b"\xa0"),
    "i6-voucher-with-two-values-in-the-tag-of-its-extensions": ("O14", b"\xa0"),
    "k3-ecdsa-with-null": ("K3", b"\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00"),
    "k3-identifier-of-pkcs1-with-null-twice": ("K3", b"\x30"),
    "k3-identifier-of-pss-with-a-salt-of-33": ("K3", b"\x30"),
    "k3-identifier-of-pss-without-parameters": ("K3", b"\x30"),
    "k3-voucher-signed-by-ed25519": ("K3", b"\x30\x05\x06\x03\x2b\x65\x70"),
    "k7-unreadable-authority": ("V1", b"\xa0"),
    "o1-field-after-the-content": ("O1", b""),
    "o1-not-signed-data": ("O1", b"\x06\x09"),
    "o1-signed-data-with-its-digest-algorithms-as-a-sequence": ("O1", b"\x30"),
    "o1-signed-data-with-its-signers-as-a-sequence": ("O1", b"\x30"),
    "o1-signed-data-with-text-for-a-certificate": ("O1", b"\x04\x04text"),
    "o10-addresses-one-of-five-octets": ("O10", b"\x30"),
    "o10-no-port-1024": ("O10", b"\x02\x02\x04\x00"),
    "o14-extensions-seventeen": ("O14", b"\x30"),
    "o2-content-type-attribute": ("O2", b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"),
    "o3-digests-disagree": ("O3", b"\x30"),
    "o3-signature-of-another-digest": ("O3", b"\x30"),
    "o4-two-that-nobody-names": ("O4", b"\x30"),
    "o4-unsorted": ("I6", b"\xa1"),
    "v5-response-of-pieces-that-end-too-soon": ("I6", b"\x30\x05\x01"),
}


@pytest.mark.parametrize("name", PLACED)
def test_a_fault_of_the_suite_is_placed(name: str) -> None:
    """The octets at the place are those of the value that breaks the rule."""
    rule, begin = PLACED[name]
    octets = suite(name)
    found = read_twice(octets, "voucher")
    assert any(part.rule == rule and octets[part.offset :].startswith(begin) for part in found.parts), found.parts
    assert all(part.offset for part in found.parts)


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
