"""The TLS extensions octet by octet: rules T4, T5, T7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.codec.tls_answer import decode_vouchers, encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from tests.scene import refuses
from tests.unit.protocol.strategies import choices, parsed

A, B = b"AAAAAAAA", b"BBBBBBBB"
HASH = b"h" * 32
OCTETS = bytes.fromhex("01 02 10") + A + B + bytes.fromhex("04 03") + b"MOZ" + bytes.fromhex("00 20") + HASH


def test_the_octets_of_a_request() -> None:
    choice = RequestExtension(quorum=2, candidates=(A, B), contexts=("MOZ",), cached=(HASH,))
    assert choice.encode() == OCTETS
    assert RequestExtension.decode(OCTETS) == choice


def test_the_octets_of_an_answer() -> None:
    assert encode_vouchers([b"one", b"three"]) == bytes.fromhex("000c 0003") + b"one" + b"\0\5three"
    assert encode_vouchers([]) == b"\0\0"


@given(choices())
def test_requests_round_trip(choice: RequestExtension) -> None:
    assert RequestExtension.decode(choice.encode()) == choice


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20))
def test_answers_round_trip(vouchers: list[bytes]) -> None:
    assert decode_vouchers(encode_vouchers(vouchers)) == tuple(vouchers)


@given(st.binary(max_size=120))
def test_any_octets_parse_or_are_malformed(octets: bytes) -> None:
    choice = parsed(RequestExtension.decode, octets, "T4")
    assert choice is None or choice.encode() == octets
    vouchers = parsed(decode_vouchers, octets, "T4")
    assert vouchers is None or encode_vouchers(vouchers) == octets


@given(st.binary(max_size=60), st.integers(0, 255).filter(lambda version: version != 1))
def test_another_version_is_ignored(rest: bytes, version: int) -> None:
    assert RequestExtension.decode(bytes([version]) + rest) is None


def test_an_empty_one_has_no_version_and_is_ignored() -> None:
    assert RequestExtension.decode(b"") is None


def request(*, quorum: int = 1, candidates: bytes = A + B, contexts: bytes = b"", cached: bytes = b"") -> bytes:
    return b"".join(
        (
            bytes([1, quorum, len(candidates)]) + candidates,
            bytes([len(contexts)]) + contexts,
            len(cached).to_bytes(2) + cached,
        )
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"\x01",
        OCTETS[:-1],
        OCTETS + b"\0",
        request(candidates=A + b"B"),
        request(cached=HASH[1:]),
        request(contexts=b"\x05MOZ"),
        request(contexts=b"\x00"),
        request(contexts=b"\x21" + b"X" * 33),
        request(candidates=b""),
        request(candidates=bytes(range(136))),
        request(cached=HASH * 17),
    ],
)
def test_bad_lengths_are_a_decode_error(octets: bytes) -> None:
    with pytest.raises(Malformed, match="decode_error"):
        RequestExtension.decode(octets)


@pytest.mark.parametrize(
    "octets",
    [
        request(quorum=0),
        request(quorum=3),
        request(candidates=A + A),
        request(contexts=b"\x03moz"),
        request(contexts=b"\x02\xc3\x84"),
    ],
)
def test_values_out_of_range_are_an_illegal_parameter(octets: bytes) -> None:
    with pytest.raises(Malformed, match="illegal_parameter"):
        RequestExtension.decode(octets)


def test_a_context_may_stand_there_twice() -> None:
    octets = request(contexts=b"\x03MOZ\x03MOZ")
    choice = RequestExtension.decode(octets)
    assert choice is not None
    assert choice.encode() == octets


def test_contexts_fit_their_vector() -> None:
    eight = tuple(f"{number}" * 31 for number in range(8))
    with refuses("malformed", "T4"):
        RequestExtension(1, (A,), eight)
    assert RequestExtension.decode(RequestExtension(1, (A,), eight[:7]).encode())


@pytest.mark.parametrize("octets", [b"", b"\0", b"\0\1", b"\0\2\0\0", b"\0\3\0\2x", b"\0\3\0\1xy"])
def test_an_answer_with_bad_lengths_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed, match="decode_error"):
        decode_vouchers(octets)


def test_an_answer_is_bounded() -> None:
    encode_vouchers([bytes(63_998)])
    for vouchers in ([bytes(63_999)], [b""], [bytes(65_536)]):
        with refuses("malformed", "T4"):
            encode_vouchers(vouchers)
    assert decode_vouchers(b"\xfa\x00\xf9\xfe" + bytes(63_998))
    with pytest.raises(Malformed, match="decode_error: vouchers of 64001 octets"):
        decode_vouchers(b"\xfa\x01\xf9\xff" + bytes(63_999))
