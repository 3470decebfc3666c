"""Which addresses agree, and what is told of those that do not."""

from collections.abc import Sequence

import pytest

from mecai.net.dial import Unreachable
from mecai.probing.corroborate import HANDSHAKES, Corroboration, ProbeOutcome, ProbeResult, ProbeTarget, corroborate
from mecai.probing.handshake import HandshakeFailed, KeyType, ProbeError
from mecai.protocol.pki.identity import address_octets, certificate_hash
from mecai.service.deadline import Deadline

ONE, TWO = address_octets("192.0.2.1"), address_octets("2001:db8::2")
CHAIN, OTHER = (b"site", b"issuing"), (b"other", b"issuing")
TARGET = ProbeTarget((ONE, TWO), 443, "www.example.test", KeyType.P256, CHAIN)
DOWN = Unreachable("down")
BROKEN = HandshakeFailed("broken")

Answer = tuple[bytes, ...] | ProbeError


class FakeProbe:
    """Answers each address with its answers in turn, the last one again and again; counts the handshakes."""

    def __init__(self, answers: dict[bytes, Sequence[Answer]]) -> None:
        self.answers = answers
        self.count = dict.fromkeys(answers, 0)

    def __call__(
        self, address: bytes, port: int, server_name: str | None, key_type: KeyType, deadline: Deadline
    ) -> tuple[bytes, ...]:
        """Answer one handshake."""
        assert (port, server_name, key_type) == (443, "www.example.test", KeyType.P256)
        assert deadline.left() > 0
        answers = self.answers[address]
        answer = answers[min(self.count[address], len(answers) - 1)]
        self.count[address] += 1
        if isinstance(answer, ProbeError):
            raise answer
        return answer


def found_by(probe: FakeProbe) -> Corroboration:
    return corroborate(TARGET, probe, Deadline(10))


def test_all_addresses_agree_in_the_order_of_the_target() -> None:
    probe = FakeProbe({TWO: [CHAIN], ONE: [CHAIN]})
    found = found_by(probe)
    assert (found.addresses, found.intermediates_matched) == ((ONE, TWO), True)
    assert probe.count == {ONE: 1, TWO: 1}


@pytest.mark.parametrize("answer", [OTHER, DOWN, BROKEN])
def test_a_disagreeing_address_drops_out(answer: Answer) -> None:
    found = found_by(FakeProbe({ONE: [answer], TWO: [CHAIN]}))
    assert (found.addresses, found.intermediates_matched) == ((TWO,), True)


@pytest.mark.parametrize("answer", [OTHER, BROKEN])
def test_one_of_three_handshakes_is_enough(answer: Answer) -> None:
    assert found_by(FakeProbe({ONE: [answer, answer, CHAIN], TWO: [CHAIN]})).addresses == (ONE, TWO)


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
    assert probe.count == {ONE: HANDSHAKES, TWO: 1}


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
