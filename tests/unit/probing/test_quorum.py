"""How many agents must agree, and from how many regions (docs/spec P5, P6)."""

import pytest

from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeResult
from mecai.probing.quorum import Agreement, Perspective, agreement, may_fail

HERE = Perspective("vas", "north")
ONE, TWO = bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2])


def seen(*agreed: bytes, matched: bool = True) -> Corroboration:
    """Return what somebody saw: the certificate at some of both addresses."""
    return Corroboration(
        tuple(
            ProbeResult(address, ProbeOutcome.AGREED, matched)
            if address in agreed
            else ProbeResult(address, ProbeOutcome.ANOTHER_CERTIFICATE, seen=(bytes(32),))
            for address in (ONE, TWO)
        )
    )


def judged(own: Corroboration, *others: Corroboration | None, regions: str = "sen") -> Agreement:
    """Have agents judged that are in these regions, by their first letters, in turn."""
    agents = {Perspective(f"agent-{place}", regions[place % len(regions)]): each for place, each in enumerate(others)}
    return agreement(HERE, own, agents)


@pytest.mark.parametrize(("agents", "failures"), [(0, 0), (1, 0), (2, 1), (3, 1), (5, 1), (6, 2), (20, 2)])
def test_how_many_may_fail(agents: int, failures: int) -> None:
    assert may_fail(agents) == failures


@pytest.mark.parametrize("agents", range(1, 9))
def test_one_more_failure_than_may_be_is_no_quorum(agents: int) -> None:
    for failures in range(agents + 1):
        for failed in (None, seen()):
            others = [failed] * failures + [seen(ONE, TWO)] * (agents - failures)
            found = judged(seen(ONE, TWO), *others)
            assert bool(found.addresses) is (failures <= may_fail(agents))
            assert len(found.perspectives) == (1 + agents - failures if found.addresses else 1)


def test_alone_the_vas_decides() -> None:
    assert judged(seen(TWO)) == Agreement((TWO,), intermediates_matched=True, perspectives=(HERE,))


def test_no_agent_makes_up_for_the_vas_itself() -> None:
    assert judged(seen(), *[seen(ONE, TWO)] * 6).addresses == ()
    assert judged(seen(ONE), *[seen(ONE, TWO)] * 6).addresses == (ONE,)


def test_two_regions_are_among_those_that_agree() -> None:
    assert judged(seen(ONE), seen(ONE), seen(ONE), regions=["north"]).addresses == ()
    assert judged(seen(ONE), seen(ONE), None, regions=["south", "north"]).addresses == (ONE,)
    assert judged(seen(ONE), None, seen(ONE), regions=["south", "north"]).addresses == ()


def test_each_address_has_its_own_quorum() -> None:
    """An address that an agent sees differently drops out; who agreed is who agreed for each that stays."""
    found = judged(seen(ONE, TWO), seen(ONE), seen(ONE), seen(ONE, TWO))
    assert found.addresses == (ONE,)
    assert [each.name for each in found.perspectives] == ["vas", "agent-0", "agent-1", "agent-2"]
    both = judged(seen(ONE, TWO), seen(ONE), seen(TWO), *[seen(ONE, TWO)] * 4)
    assert both.addresses == (ONE, TWO)
    assert len(both.perspectives) == 5


def test_intermediates_match_where_all_that_agreed_saw_them() -> None:
    assert judged(seen(ONE), seen(ONE), seen(ONE)).intermediates_matched
    assert not judged(seen(ONE), seen(ONE), seen(ONE, matched=False)).intermediates_matched
    assert not judged(seen(ONE, matched=False), seen(ONE), seen(ONE)).intermediates_matched
    assert judged(seen(ONE), seen(ONE), seen(ONE), seen(TWO, matched=False)).intermediates_matched
