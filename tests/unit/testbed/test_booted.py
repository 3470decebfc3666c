"""What a trial on a machine of its own holds against the lab: whatever is new, but for what all users share."""

from collections import Counter

import pytest

from tests.booted.trial import KINDS, Step, compare

EMPTY = {kind: Counter[str]() for kind in KINDS}


def test_what_is_new_is_named_whatever_went_away() -> None:
    before = EMPTY | {"mounts": Counter(["/", "/gone"]), "units": Counter(["one.timer active"])}
    after = EMPTY | {"mounts": Counter(["/", "/", "/run/netns"]), "units": Counter(["a.scope failed"])}
    left = compare(before, after)
    assert {kind: names for kind, names in left.items() if names} == {"mounts": ["/"], "units": ["a.scope failed"]}


@pytest.mark.parametrize(
    ("step", "good"),
    [
        (Step("up", 1, 0), True),
        (Step("up", 1, 1), False),
        (Step("down", 1, 0, {"mounts": []}), True),
        (Step("down", 1, 0, {"mounts": ["/run/x"]}), False),
        (Step("down", 1, 0, {"mounts": []}, ["hosts were killed"]), False),
    ],
)
def test_a_step_is_good_that_ended_well_and_left_nothing(step: Step, good: bool) -> None:
    assert step.good is good
