"""Rules D2 to D4 over time: what a reader that has accepted directories makes of the next one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.acceptance import Newest, Record, accept
from mecai.protocol.objects.authorities import Directory
from tests.directories import PUBLISHER, directory, publisher, signed
from tests.pki import DAY, NOW, Hierarchy, Issued
from tests.scene import refuses

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
PINS = (PUBLISHER.certificate,)
NEXT = publisher("next")
ROTATION = signed(directory(ALDER, sequence=2, publishers=(NEXT.certificate,)))


def after(*contents: Directory | bytes) -> Record:
    """Return the record of a reader who accepted these, one after the other."""
    record = Record()
    for content in contents:
        _, record = accept(record, content if isinstance(content, bytes) else signed(content), NOW, PINS)
    return record


def refused(record: Record, content: Directory, reason: str, rule: str, by: Issued = PUBLISHER) -> None:
    with refuses(reason, rule):
        accept(record, signed(content, by), NOW, PINS)


def test_what_was_accepted_is_remembered_and_the_same_octets_change_nothing() -> None:
    content = directory(ALDER, sequence=7)
    accepted, record = accept(Record(), signed(content), NOW, PINS)
    assert accepted == content
    assert record.newest == {"MOZ": Newest(7, accepted.hash)}
    assert accept(record, signed(content), NOW, PINS) == (content, record)


def test_an_older_one_and_another_of_the_same_number_are_refused() -> None:
    record = after(directory(ALDER, sequence=2))
    refused(record, directory(ALDER, sequence=1), "directory-rollback", "D3")
    refused(record, directory(BIRCH, sequence=2), "directory-equivocation", "D3")
    assert accept(record, signed(directory(BIRCH, sequence=3)), NOW, PINS)[0].sequence == 3


def test_each_context_has_a_sequence_of_its_own_that_no_other_displaces() -> None:
    """MOZ 5, then OTHER 1, then MOZ 4: the reader still knows MOZ's 5."""
    record = after(directory(ALDER, sequence=5), directory(ALDER, sequence=1, context="OTHER"))
    assert {context: each.sequence for context, each in record.newest.items()} == {"MOZ": 5, "OTHER": 1}
    refused(record, directory(ALDER, sequence=4), "directory-rollback", "D3")


def test_the_pins_that_a_directory_names_replace_the_first_ones_for_every_context() -> None:
    record = after(ROTATION)
    assert record.pins == (NEXT.certificate,)
    for context in ("MOZ", "OTHER"):
        refused(record, directory(ALDER, sequence=3, context=context), "directory-untrusted", "D2")
    third = signed(directory(ALDER, sequence=3), NEXT)
    assert accept(record, third, NOW, PINS)[1].pins == (NEXT.certificate,)  # an empty list leaves them


def test_what_was_accepted_stays_so_after_it_left_its_own_signer_behind() -> None:
    assert accept(after(ROTATION), ROTATION, NOW, PINS)[0].sequence == 2


def test_a_refused_directory_names_no_pins() -> None:
    record = after(directory(ALDER, sequence=3))
    with refuses("directory-rollback", "D3"):
        accept(record, ROTATION, NOW, PINS)
    refused(record, directory(ALDER, sequence=4), "directory-untrusted", "D2", NEXT)


def test_time_is_judged_anew_each_time_unless_the_caller_judges_it() -> None:
    octets = signed(directory(ALDER))
    record = after(octets)
    late = NOW + 31 * DAY
    for known in (Record(), record):
        with refuses("directory-expired", "D4"):
            accept(known, octets, late, PINS)
        assert accept(known, octets, late, PINS, even_expired=True)[1] == record
        assert accept(known, octets, None, PINS)[1] == record


def test_one_from_the_future_blocks_nobody_even_where_its_end_does_not_matter() -> None:
    ahead = directory(ALDER, sequence=int((NOW + DAY).timestamp()), issued=NOW + DAY)
    with refuses("directory-not-yet-valid", "D4"):
        accept(Record(), signed(ahead), NOW, PINS, even_expired=True)


def test_the_highest_number_that_can_be_taken_has_a_successor_within_the_skew() -> None:
    """Whoever signs one as far ahead as readers take it makes room again in 301 seconds (rules D3, D4)."""
    ahead = NOW + timedelta(seconds=300)
    record = after(directory(ALDER, sequence=int(ahead.timestamp()), issued=ahead))
    later = ahead + timedelta(seconds=1)
    following = directory(BIRCH, sequence=int(later.timestamp()), issued=later)
    assert accept(record, signed(following), later, PINS)[0] == following


def test_a_record_survives_its_own_form() -> None:
    record = after(ROTATION, signed(directory(ALDER, sequence=9, context="OTHER"), NEXT))
    assert Record.decode(record.encode()) == record
    assert Record.decode(Record().encode()) == Record()


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{}", b"[]", b"[" * 100_000, after(ROTATION).encode().replace(b'"pins": ["', b'"pins": ["!'), b"\xff"],
)
def test_a_damaged_record_is_malformed(damaged: bytes) -> None:
    with pytest.raises(Malformed, match="record of accepted directories"):
        Record.decode(damaged)


@given(st.binary(max_size=200))
def test_any_octets_are_a_record_or_malformed(octets: bytes) -> None:
    try:
        record = Record.decode(octets)
    except Malformed:
        return
    assert replace(record) == record


def test_other_first_pins_end_what_was_built_on_the_former_ones_but_for_the_numbers() -> None:
    """A thief of the publisher's key named his own; the reader's operator pins the publisher's new key (D2)."""
    thief, new = publisher("thief"), publisher("new")
    theft = signed(directory(ALDER, sequence=5, publishers=(thief.certificate,)))
    record = after(theft)
    for octets in (theft, signed(directory(ALDER, sequence=6), thief), signed(directory(ALDER, sequence=6))):
        with refuses("directory-untrusted", "D2"):
            accept(record, octets, NOW, (new.certificate,))
    with refuses("directory-rollback", "D3"):
        accept(record, signed(directory(ALDER, sequence=4), new), NOW, (new.certificate,))
    accepted, following = accept(record, signed(directory(ALDER, sequence=6), new), NOW, (new.certificate,))
    assert (accepted.sequence, following.pins) == (6, ())


def test_the_order_of_the_first_pins_is_no_change() -> None:
    pins = (PUBLISHER.certificate, publisher("other").certificate)
    _, record = accept(Record(), ROTATION, NOW, pins)
    assert accept(record, ROTATION, NOW, pins[::-1]) == accept(record, ROTATION, NOW, pins)


def test_a_record_that_names_no_first_pins_takes_those_at_hand() -> None:
    record = after(ROTATION)
    earlier = replace(record, first=b"")
    assert b"first" not in earlier.encode()
    assert Record.decode(earlier.encode()) == earlier
    assert accept(earlier, ROTATION, NOW, PINS)[1] == record
