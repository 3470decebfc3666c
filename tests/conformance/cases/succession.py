# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""D2 to D4: whose directory a client takes, after which other, and when."""

from datetime import datetime, timedelta
from typing import Any

from tests.conformance.parts.directories import PUBLISHER, Entry, content, distrust, moment, publisher, signed, text
from tests.conformance.parts.signing import Signer, ecdsa, signer
from tests.conformance.registry import Situation, case
from tests.conformance.stage import CEDAR, DIRECTORY, ENTRIES, directory_case
from tests.pki import DAY, HOUR, NOW, Issued, issue, key, key_usage

SECOND = timedelta(seconds=1)
_SECOND_KEY, _THIRD_KEY = publisher("second publisher"), publisher("third publisher")


def _content(**changes: Any) -> Entry:
    """Return a directory of birch alone."""
    return content(ENTRIES[1], **changes)


@case("D2")
def d2_not_pinned() -> Situation:
    """The directory is good, and of a publisher whom this client does not know."""
    return directory_case(DIRECTORY, reason="directory-untrusted", publishers=[_SECOND_KEY])


@case("D2")
def d2_changed() -> Situation:
    """Somebody changed birch's owner group on the way."""
    return directory_case(DIRECTORY.replace(b'"ownerGroup":"birch"', b'"ownerGroup":"BIRCH"'), reason="bad-signature")


@case("D2")
def d2_in_the_publishers_name() -> Situation:
    """A stranger's key signed; the publisher's certificate stands in the object."""
    forged = Signer(PUBLISHER, ecdsa("sha256"), key("stranger"))
    return directory_case(signed(_content(), forged), reason="bad-signature")


@case("D2")
def d2_another_certificate_of_the_key() -> Situation:
    """The publisher renewed its certificate and kept its key. D2: the key is pinned, not the certificate."""
    renewed = issue("MOZ", PUBLISHER.key, None, [key_usage("digital_signature")], span=(NOW, NOW + 3650 * DAY))
    return directory_case(signed(_content(), signer(renewed)))


@case("D2")
def d2_second_of_two_pins() -> Situation:
    """The client pins two keys of the publisher; the second one signed."""
    return directory_case(signed(_content(), signer(_SECOND_KEY)), publishers=(PUBLISHER, _SECOND_KEY))


def _numbered(number: int, by: Issued = PUBLISHER, publishers: tuple[Issued, ...] = (), **changes: Any) -> bytes:
    named = [text(item.der) for item in publishers]
    return signed(_content(sequence=number, publishers=named, **changes), signer(by))


_ROTATION = _numbered(8, publishers=(PUBLISHER, _SECOND_KEY))


@case("D2", "D3")
def d2_rotated() -> Situation:
    """Directory 8, by the old key, names old and new key as publishers; directory 9 is signed by the new one."""
    return directory_case(_numbered(9, _SECOND_KEY), history=[_ROTATION])


@case("D2")
def d2_rotated_to_another() -> Situation:
    """Directory 8 names old and new key; directory 9 is signed by a third."""
    return directory_case(_numbered(9, _THIRD_KEY), reason="directory-untrusted", history=[_ROTATION])


@case("D2")
def d2_new_key_names_itself() -> Situation:
    """Directory 9 names the key that signed it, and no directory of the old key did. D2: an old one signs."""
    own = _numbered(9, _SECOND_KEY, (PUBLISHER, _SECOND_KEY))
    return directory_case(own, reason="directory-untrusted", history=[_numbered(8)])


@case("D2")
def d2_rotated_twice() -> Situation:
    """Directory 8 (old key) names the second key, 9 (second key) the third alone; 10 is by the third."""
    history = [_ROTATION, _numbered(9, _SECOND_KEY, (_THIRD_KEY,))]
    return directory_case(_numbered(10, _THIRD_KEY), history=history)


@case("D2")
def d2_by_a_key_left_behind() -> Situation:
    """Directory 8 names the second key alone; directory 9 is signed by the old one, which may have been stolen."""
    return directory_case(_numbered(9), reason="directory-untrusted", history=[_numbered(8, publishers=(_SECOND_KEY,))])


@case("D2", "D3")
def d2_same_again_by_a_key_left_behind() -> Situation:
    """Directory 8 names the second key alone, and comes again: it was accepted, and is until another replaces it."""
    newest = _numbered(8, publishers=(_SECOND_KEY,))
    return directory_case(newest, history=[newest])


# A thief of the publisher's key signed directory 8, which names his own key alone.
_THEFT = _numbered(8, publishers=(_THIRD_KEY,))


@case("D2", over={"the publisher": (PUBLISHER, "directory-untrusted"), "the thief": (_THIRD_KEY, None)})
def d2_theft_after_which_comes(next_one: tuple[Issued, str | None]) -> Situation:
    """A thief of the publisher's key signed directory 8, which names his key alone; 9 is by {}, for good."""
    by, reason = next_one
    return directory_case(_numbered(9, by), reason=reason, history=[_THEFT])


@case("D2", over={"the new key": (_SECOND_KEY, None), "the stolen key": (PUBLISHER, "directory-untrusted")})
def d2_pinned_anew_then(next_one: tuple[Issued, str | None]) -> Situation:
    """After the theft the client's operator pinned a new key of the publisher; directory 9 is by {}.

    D2: with the first pins goes what was built upon them.
    """
    by, reason = next_one
    return directory_case(
        _numbered(9, by), reason=reason, history=[_THEFT], former=[PUBLISHER], publishers=[_SECOND_KEY]
    )


@case("D2")
def d2_pinned_anew_then_the_thief() -> Situation:
    """The client's operator pinned a new key of the publisher; directory 9 is by the key that the thief had named."""
    changes = {"history": [_THEFT], "former": [PUBLISHER], "publishers": [_SECOND_KEY]}
    return directory_case(_numbered(9, _THIRD_KEY), reason="directory-untrusted", **changes)


@case("D2")
def d2_pinned_anew_then_the_same() -> Situation:
    """The client's operator pinned a new key, and the thief's directory still lies there: it is not taken again."""
    return directory_case(
        _THEFT, reason="directory-untrusted", history=[_THEFT], former=[PUBLISHER], publishers=[_SECOND_KEY]
    )


@case("D2")
def d2_pinned_again() -> Situation:
    """Directory 8 names the second key alone; the first pin is put in place again, by another certificate of its key.

    D2: these are the first pins that there were, so the old key stays left behind.
    """
    renewed = issue("MOZ", PUBLISHER.key, None, [key_usage("digital_signature")], span=(NOW, NOW + 3650 * DAY))
    changes = {"history": [_numbered(8, publishers=(_SECOND_KEY,))], "former": [PUBLISHER], "publishers": [renewed]}
    return directory_case(_numbered(9), reason="directory-untrusted", **changes)


@case("D2", "D3")
def d2_pinned_anew_forgets_no_number() -> Situation:
    """The client's operator pinned a second key of the publisher; directory 7 is by that key, and 8 was used before."""
    changes = {"history": [_numbered(8)], "former": [PUBLISHER], "publishers": [PUBLISHER, _SECOND_KEY]}
    return directory_case(_numbered(7, _SECOND_KEY), reason="directory-rollback", **changes)


@case("D3")
def d3_higher() -> Situation:
    """The client has used directory 7; number 9 comes."""
    return directory_case(_numbered(9), history=[DIRECTORY])


@case("D3")
def d3_same_again() -> Situation:
    """The client has used directory 7, and the same comes again."""
    return directory_case(DIRECTORY, history=[DIRECTORY])


@case("D3")
def d3_rollback() -> Situation:
    """The client has used directory 8; somebody serves number 7, which is still valid and lacks a distrust entry."""
    newer = _numbered(8, distrust=[distrust(CEDAR.root, NOW - HOUR)])
    return directory_case(DIRECTORY, reason="directory-rollback", history=[newer])


@case("D3")
def d3_equivocation() -> Situation:
    """The client has used directory 7; another directory of the publisher has the same number."""
    other = _numbered(7, distrust=[distrust(CEDAR.root, NOW - HOUR)])
    return directory_case(other, reason="directory-equivocation", history=[DIRECTORY])


_ISSUED = int((NOW - DAY).timestamp())
_JUMPS = {"a second after it was issued": _ISSUED + 1, "now": int(NOW.timestamp()), "2^63 - 1": (1 << 63) - 1}


@case("D3", "D1", over=_JUMPS)
def d3_numbered(sequence: int) -> Situation:
    """The directory's number is {}. D3: it is at most its own time of issue in seconds, so that others can follow."""
    return directory_case(_numbered(sequence), reason="malformed")


@case("D3", "D4")
def d3_the_highest_and_its_successor() -> Situation:
    """A directory issued as far ahead as D4 allows, numbered by that time, is followed by one of a second later."""
    ahead = NOW + 300 * SECOND
    highest = _numbered(int(ahead.timestamp()), issued=moment(ahead))
    after = _numbered(int(ahead.timestamp()) + 1, issued=moment(ahead + SECOND))
    return directory_case(after, history=[highest], now=NOW + SECOND)


@case("D3", "D4")
def d3_ahead_and_numbered_so() -> Situation:
    """The directory was issued 301 s ahead and numbered by that time. D4: it is not taken, so it blocks no other."""
    ahead = NOW + 301 * SECOND
    return directory_case(_numbered(int(ahead.timestamp()), issued=moment(ahead)), reason="directory-not-yet-valid")


def _over(issued: datetime, expires: datetime) -> bytes:
    return signed(_content(issued=moment(issued), expires=moment(expires)))


@case("D3")
def d3_thirty_days() -> Situation:
    """The directory expires exactly 30 days after it was issued."""
    return directory_case(_over(NOW - DAY, NOW + 29 * DAY))


@case("D3", "D1", over={"a second longer": 30 * DAY + SECOND, "no time at all": timedelta(0)})
def d3_lasting(lifetime: timedelta) -> Situation:
    """The directory is valid for {}: more than 30 days, or never."""
    return directory_case(_over(NOW - DAY, NOW - DAY + lifetime), reason="malformed")


@case("D4")
def d4_expires_in_a_second() -> Situation:
    """The directory expires one second after now."""
    return directory_case(_over(NOW - 7 * DAY, NOW + SECOND))


@case("D4")
def d4_expires_now() -> Situation:
    """The directory expires now."""
    return directory_case(_over(NOW - 7 * DAY, NOW), reason="directory-expired")


@case("D4")
def d4_issued_300_s_ahead() -> Situation:
    """The directory was issued 300 seconds after the client's clock, which V7 forgives a voucher too."""
    return directory_case(_over(NOW + 300 * SECOND, NOW + 7 * DAY))


@case("D4")
def d4_issued_301_s_ahead() -> Situation:
    """The directory was issued 301 seconds after the client's clock."""
    return directory_case(_over(NOW + 301 * SECOND, NOW + 7 * DAY), reason="directory-not-yet-valid")
