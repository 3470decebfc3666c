"""The hold: from first sight until its end, and not a second longer."""

from dataclasses import replace
from datetime import timedelta

from mecai.vas.hold.first_seen import hold_end
from mecai.vas.storage.certificates import Logged
from tests.pki import DAY, NOW

SECOND = timedelta(seconds=1)
SEEN = Logged(b"", b"", first_seen=NOW, released=None, released_by=None, disputed=None)


def test_a_certificate_waits_from_its_first_sight() -> None:
    assert hold_end(SEEN, 3 * DAY, NOW) == NOW + 3 * DAY
    assert hold_end(SEEN, 3 * DAY, NOW + 3 * DAY - SECOND) == NOW + 3 * DAY
    assert hold_end(SEEN, 3 * DAY, NOW + 3 * DAY) is None


def test_an_exception_ends_it() -> None:
    assert hold_end(replace(SEEN, released=NOW + SECOND), 3 * DAY, NOW + SECOND) is None


def test_no_hold_never_began() -> None:
    assert hold_end(SEEN, timedelta(0), NOW) is None
