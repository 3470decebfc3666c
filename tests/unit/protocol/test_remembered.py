"""What is remembered holds in its time and no longer, and makes room for what is asked for."""

import pytest

from mecai.protocol.remembered import Remembered
from tests.pki import HOUR, NOW


def kept(*keys: str, room: int = 2) -> Remembered[str, int]:
    remembered: Remembered[str, int] = Remembered(room)
    for key in keys:
        remembered.put(key, len(key), NOW, NOW + HOUR)
    return remembered


@pytest.mark.parametrize(
    ("moment", "found"),
    [(NOW, 1), (NOW + HOUR / 2, 1), (NOW + HOUR, None), (NOW - HOUR / 60, None)],
    ids=["at once", "meanwhile", "when it ends", "where the clock went back"],
)
def test_a_value_holds_in_its_time(moment: object, found: int | None) -> None:
    assert kept("a").get("a", moment) == found  # type: ignore[arg-type]  # datetimes


def test_what_was_never_put_is_not_there() -> None:
    assert kept("a").get("b", NOW) is None


def test_what_holds_for_no_time_is_not_kept() -> None:
    remembered = kept("a")
    remembered.put("a", 5, NOW, NOW)
    remembered.put("b", 5, NOW, NOW)
    assert (remembered.get("a", NOW), remembered.get("b", NOW)) == (1, None)


def test_the_newest_value_of_a_key_counts() -> None:
    remembered = kept("a")
    remembered.put("a", 5, NOW, NOW + HOUR)
    assert remembered.get("a", NOW) == 5


def test_the_one_not_asked_for_longest_goes() -> None:
    remembered = kept("a", "bb")
    remembered.get("a", NOW)
    remembered.put("ccc", 3, NOW, NOW + HOUR)
    assert [remembered.get(key, NOW) for key in ("a", "bb", "ccc")] == [1, None, 3]


def test_one_is_forgotten_and_no_other() -> None:
    remembered = kept("a", "bb")
    for key in ("a", "never there"):
        remembered.forget(key)
    assert [remembered.get(key, NOW) for key in ("a", "bb")] == [None, 2]


def test_all_is_forgotten() -> None:
    remembered = kept("a")
    remembered.clear()
    assert remembered.get("a", NOW) is None
