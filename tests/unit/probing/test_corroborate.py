"""Which addresses agree, and what is told of those that do not."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mecai.net.dial import Unreachable
from mecai.probing.corroborate import (
    ADDRESS_SECONDS,
    HANDSHAKES,
    Corroboration,
    ProbeOutcome,
    ProbeResult,
    ProbeTarget,
    corroborate,
)
from mecai.probing.handshake import HandshakeFailed, ProbeError
from mecai.probing.offer import KeyType, Offer
from mecai.protocol.pki.identity import address_octets, certificate_hash
from mecai.service.deadline import Deadline

ONE, TWO = address_octets("192.0.2.1"), address_octets("2001:db8::2")
CHAIN, OTHER, THIRD = ((name, b"issuing") for name in (b"site", b"other", b"third"))
OFFER, WIDE = Offer(KeyType.P256), Offer(KeyType.P256, ("ecdsa_secp384r1_sha384",))
TARGET = ProbeTarget((ONE, TWO), 443, "www.example.test", (OFFER, WIDE), CHAIN)
DOWN = Unreachable("down")
BROKEN = HandshakeFailed("broken")

Answer = tuple[bytes, ...] | ProbeError


class FakeProbe:
    """Answers each address with its answers in turn, the last one again and again; counts the handshakes."""

    def __init__(self, answers: dict[bytes, Sequence[Answer]]) -> None:
        self.answers = answers
        self.count = dict.fromkeys(answers, 0)
        self.offers: list[Offer] = []
        self.seconds = 0.0  # that each handshake takes
        self.now = 0.0

    def __call__(
        self, address: bytes, port: int, server_name: str | None, offer: Offer, deadline: Deadline
    ) -> tuple[bytes, ...]:
        """Answer one handshake."""
        assert (port, server_name) == (443, "www.example.test")
        assert deadline.left() > 0
        self.offers.append(offer)
        self.now += min(self.seconds, deadline.left())
        answers = self.answers[address]
        answer = answers[min(self.count[address], len(answers) - 1)]
        self.count[address] += 1
        if isinstance(answer, ProbeError):
            raise answer
        return answer


def found_by(probe: FakeProbe) -> Corroboration:
    return corroborate(TARGET, probe, Deadline(30, lambda: probe.now))


def test_all_addresses_agree_in_the_order_of_the_target() -> None:
    probe = FakeProbe({TWO: [CHAIN], ONE: [CHAIN]})
    found = found_by(probe)
    assert (found.addresses, found.intermediates_matched) == ((ONE, TWO), True)
    assert probe.count == {ONE: 1, TWO: 1}


@pytest.mark.parametrize("answer", [OTHER, DOWN, BROKEN])
def test_a_disagreeing_address_drops_out(answer: Answer) -> None:
    found = found_by(FakeProbe({ONE: [answer], TWO: [CHAIN]}))
    assert (found.addresses, found.intermediates_matched) == ((TWO,), True)


@pytest.mark.parametrize(
    "answers", [[OTHER], [OTHER, THIRD], [OTHER, ()], [OTHER, BROKEN], [BROKEN, OTHER], [BROKEN, BROKEN]]
)
def test_one_of_three_handshakes_is_enough(answers: list[Answer]) -> None:
    assert found_by(FakeProbe({ONE: [*answers, CHAIN], TWO: [CHAIN]})).addresses == (ONE, TWO)


@pytest.mark.parametrize("answer", [OTHER, ()])
def test_no_third_handshake_where_two_have_shown_the_same_other_certificate(answer: Answer) -> None:
    probe = FakeProbe({ONE: [answer, answer, CHAIN], TWO: [CHAIN]})
    assert (found_by(probe).addresses, probe.count[ONE]) == ((TWO,), 2)


def test_other_intermediates_do_not_match() -> None:
    found = found_by(FakeProbe({ONE: [CHAIN], TWO: [CHAIN[:1]]}))
    assert (found.addresses, found.intermediates_matched) == ((ONE, TWO), False)


def test_another_certificate_is_told_once_with_its_hash() -> None:
    probe = FakeProbe({ONE: [OTHER], TWO: [DOWN]})
    assert found_by(probe).gravest == (
        ProbeResult(
            ONE,
            ProbeOutcome.ANOTHER_CERTIFICATE,
            details=("192.0.2.1: shows another certificate than the expected one",),
            seen=(certificate_hash(b"other"),),
        ),
    )
    assert probe.count == {ONE: 2, TWO: 1}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (([DOWN], [DOWN]), ProbeOutcome.UNREACHABLE),
        (([DOWN], [BROKEN]), ProbeOutcome.HANDSHAKE_FAILED),
        (([BROKEN], [()]), ProbeOutcome.ANOTHER_CERTIFICATE),
        (([DOWN], [BROKEN, OTHER, DOWN]), ProbeOutcome.ANOTHER_CERTIFICATE),
    ],
)
def test_the_gravest_failure_is_told(answers: tuple[list[Answer], list[Answer]], outcome: ProbeOutcome) -> None:
    found = found_by(FakeProbe({ONE: answers[0], TWO: answers[1]}))
    assert (found.addresses, {each.outcome for each in found.gravest}) == ((), {outcome})


@pytest.mark.parametrize(("seconds", "attempts"), [(1.0, HANDSHAKES), (2.0, HANDSHAKES), (2.5, 2), (60.0, 1)])
def test_all_handshakes_with_one_address_share_their_time_so_that_a_time_out_is_the_last(
    seconds: float, attempts: int
) -> None:
    probe = FakeProbe({ONE: [BROKEN]})
    probe.seconds = seconds
    corroborate(replace(TARGET, addresses=(ONE,)), probe, Deadline(30, lambda: probe.now))
    assert (probe.count[ONE], probe.now) == (attempts, min(seconds * attempts, ADDRESS_SECONDS))


@pytest.mark.parametrize(
    ("answers", "offers"),
    [
        ([BROKEN], [OFFER, WIDE, WIDE]),
        ([OTHER, BROKEN, OTHER], [OFFER, OFFER, WIDE]),
        ([BROKEN, OTHER, CHAIN], [OFFER, WIDE, OFFER]),
        ([CHAIN], [OFFER]),
    ],
)
def test_what_more_the_chain_needs_is_offered_where_a_handshake_failed(
    answers: list[Answer], offers: list[Offer]
) -> None:
    probe = FakeProbe({ONE: answers})
    corroborate(replace(TARGET, addresses=(ONE,)), probe, Deadline(10))
    assert probe.offers == offers
