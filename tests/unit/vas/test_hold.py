"""The hold: from first sight until its end, and not a second longer."""

from datetime import timedelta

from mecai.vas.hold.first_seen import hold_end
from tests.pki import DAY, NOW

SECOND = timedelta(seconds=1)


def test_a_certificate_waits_from_its_first_sight() -> None:
    assert hold_end(NOW, 3 * DAY, NOW) == NOW + 3 * DAY
    assert hold_end(NOW, 3 * DAY, NOW + 3 * DAY - SECOND) == NOW + 3 * DAY
    assert hold_end(NOW, 3 * DAY, NOW + 3 * DAY) is None


def test_no_hold_never_began() -> None:
    assert hold_end(NOW, timedelta(0), NOW) is None
