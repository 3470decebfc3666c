"""Work for several things at once: in their order, the first by the caller, and what one raises is raised."""

import threading

import pytest

from mecai.service.at_once import at_once
from tests.patience import SECONDS


@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_all_are_at_work_at_the_same_time_and_their_order_stays(count: int) -> None:
    together = threading.Barrier(max(count, 1), timeout=SECONDS)

    def work(thing: int) -> tuple[int, int]:
        together.wait()
        return thing, threading.get_ident()

    found = at_once(work, range(count), "test")
    assert [thing for thing, _ in found] == list(range(count))
    assert [ident for _, ident in found][:1] == [threading.get_ident()][:count]
    assert len({ident for _, ident in found}) == count


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_one_raises_is_raised(place: int) -> None:
    with pytest.raises(ZeroDivisionError):
        at_once(lambda thing: 1 // (thing - place), range(3), "test")
