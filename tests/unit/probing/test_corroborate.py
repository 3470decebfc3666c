"""Which addresses agree, and what a refusal tells."""

from collections.abc import Sequence

import pytest
from cryptography import x509

from mecai.probing.corroborate import HANDSHAKES, Sighting, look
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets, certificate_hash
from mecai.service.deadline import Deadline
from mecai.vas.problem import Code, Problem
from tests.pki import Hierarchy

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server("www.example.test")
OTHER = BIRCH.server("www.example.test")
ONE, TWO = address_octets("192.0.2.1"), address_octets("2001:db8::2")
REQUEST = VoucherRequest(SITE.der, SITE.chain_der[1:], (ONE, TWO), 443)
DOWN = Problem(Code.UNREACHABLE, "down")
BROKEN = Problem(Code.HANDSHAKE_FAILED, "broken")

Answer = tuple[bytes, ...] | Problem


class FakeProbe:
    """Answers each address with its answers in turn, the last one again and again; counts the handshakes."""

    def __init__(self, answers: dict[bytes, Sequence[Answer]]) -> None:
        self.answers = answers
        self.count = dict.fromkeys(answers, 0)

    def __call__(
        self, address: bytes, port: int, server_name: str | None, wanted: x509.Certificate, deadline: Deadline
    ) -> tuple[bytes, ...]:
        """Answer one handshake."""
        assert (port, server_name, wanted) == (443, "www.example.test", SITE.certificate)
        assert deadline.left() > 0
        answers = self.answers[address]
        answer = answers[min(self.count[address], len(answers) - 1)]
        self.count[address] += 1
        if isinstance(answer, Problem):
            raise answer
        return answer


def look_with(probe: FakeProbe) -> Sighting:
    return look(REQUEST, "www.example.test", probe, Deadline(10))


def test_all_addresses_agree_in_the_order_of_the_request() -> None:
    probe = FakeProbe({TWO: [SITE.chain_der], ONE: [SITE.chain_der]})
    assert look_with(probe) == Sighting((ONE, TWO), intermediates_matched=True)
    assert probe.count == {ONE: 1, TWO: 1}


@pytest.mark.parametrize("answer", [OTHER.chain_der, DOWN, BROKEN])
def test_a_disagreeing_address_drops_out(answer: Answer) -> None:
    assert look_with(FakeProbe({ONE: [answer], TWO: [SITE.chain_der]})).addresses == (TWO,)


@pytest.mark.parametrize("answer", [OTHER.chain_der, BROKEN])
def test_one_of_three_handshakes_is_enough(answer: Answer) -> None:
    probe = FakeProbe({ONE: [answer, answer, SITE.chain_der], TWO: [SITE.chain_der]})
    assert look_with(probe).addresses == (ONE, TWO)


def test_other_intermediates_do_not_match() -> None:
    probe = FakeProbe({ONE: [SITE.chain_der], TWO: [(SITE.der,)]})
    assert look_with(probe) == Sighting((ONE, TWO), intermediates_matched=False)


def test_another_certificate_is_told_with_its_hash_and_address() -> None:
    probe = FakeProbe({ONE: [OTHER.chain_der], TWO: [DOWN]})
    with pytest.raises(Problem) as caught:
        look_with(probe)
    assert caught.value.code is Code.CERTIFICATE_MISMATCH
    assert caught.value.extra == {
        "seen": [{"address": "192.0.2.1", "certificateHash": certificate_hash(OTHER.der).hex()}]
    }
    assert probe.count == {ONE: HANDSHAKES, TWO: 1}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ((DOWN, DOWN), Code.UNREACHABLE),
        ((DOWN, BROKEN), Code.HANDSHAKE_FAILED),
        ((BROKEN, ()), Code.CERTIFICATE_MISMATCH),
    ],
)
def test_the_gravest_failure_is_told(answers: tuple[Answer, Answer], code: Code) -> None:
    with pytest.raises(Problem) as caught:
        look_with(FakeProbe({ONE: [answers[0]], TWO: [answers[1]]}))
    assert caught.value.code is code
