"""One deadline over several steps."""

import pytest

from mecai.service.deadline import Deadline


class Clock:
    """Moves when told."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_time_passes() -> None:
    clock = Clock()
    deadline = Deadline(10, clock)
    clock.now += 4
    assert (deadline.left(), deadline.require()) == (6, 6)
    clock.now += 7
    assert deadline.left() == 0
    with pytest.raises(TimeoutError, match="timed out"):
        deadline.require()


def test_a_step_ends_with_the_whole() -> None:
    clock = Clock()
    deadline = Deadline(10, clock)
    assert (deadline.within(3).left(), deadline.within(30).left()) == (3, 10)


def test_steps_that_use_up_their_shares_leave_the_last_its_own() -> None:
    clock = Clock()
    deadline = Deadline(12, clock)
    shares = []
    for steps in (3, 2, 1):
        shares.append(deadline.share(steps).left())
        clock.now += shares[-1]
    assert shares == [4, 4, 4]


def test_a_step_that_is_done_early_leaves_its_time_to_the_others() -> None:
    clock = Clock()
    deadline = Deadline(12, clock)
    clock.now += 2
    assert deadline.share(2).left() == 5
