"""Whose requests are at work at once: shares, and slots that are kept for servers that ask about themselves."""

from contextlib import ExitStack

import pytest

from mecai.vas.admission.slots import LONG, PAUSE, Slots
from mecai.vas.refusal import Code, Refusal


class Clock:
    """A monotonic clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


class Busy(ExitStack):
    """Requests that are at work until the end of the block."""

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self._slots = slots

    def ask(self, requester: str, *, own: bool = False) -> Code | None:
        """Return None for a request that is at work now, or the code of the refusal."""
        try:
            self.enter_context(self._slots.held(requester, own=own))
        except Refusal as refusal:
            return refusal.code
        return None


STRANGERS = [f"192.0.2.{number}" for number in range(1, 10)]
SERVERS = [f"198.18.0.{number}" for number in range(1, 10)]


def test_strangers_leave_a_third_to_servers_that_ask_about_themselves() -> None:
    with Busy(Slots(12)) as busy:
        assert [busy.ask(stranger) for stranger in STRANGERS] == [*[None] * 8, Code.OVERLOADED]
        assert [busy.ask(server, own=True) for server in SERVERS[:5]] == [*[None] * 4, Code.OVERLOADED]
    with Busy(Slots(12)) as busy:
        servers = [busy.ask(server, own=True) for server in SERVERS]
        assert [*servers, *map(busy.ask, STRANGERS[:4])] == [*[None] * 12, Code.OVERLOADED]


def test_one_requester_has_a_third_and_a_server_one_kept_slot_beside_it() -> None:
    with Busy(Slots(12)) as busy:
        assert [busy.ask(STRANGERS[0]) for _ in range(5)] == [*[None] * 4, Code.TOO_MANY_REQUESTS]
        assert [busy.ask(SERVERS[0], own=True) for _ in range(6)] == [*[None] * 5, Code.TOO_MANY_REQUESTS]


@pytest.mark.parametrize("near", ["2001:db8:5::2", "2001:db8:5:1::2", "2001:db8:5:100::2"])
def test_the_networks_of_an_ipv6_site_have_one_share(near: str) -> None:
    with Busy(Slots(3)) as busy:
        assert [busy.ask("2001:db8:5::1"), busy.ask(near)] == [None, Code.TOO_MANY_REQUESTS]
    with Busy(Slots(6)) as busy:
        every = [busy.ask(site, own=True) for site in ("2001:db8:5::1", near, near, near)]
        assert every == [None, None, None, Code.TOO_MANY_REQUESTS]


def test_who_holds_a_kept_slot_long_has_none_for_a_while() -> None:
    """A server that asks about itself may be silent on purpose; then it waits with everybody."""
    clock = Clock()
    slots = Slots(3, clock)
    slow, quick = "2001:db8:5::1", SERVERS[0]
    for server, seconds in ((slow, LONG + 1), (quick, LONG)):
        with slots.held(server, own=True):
            clock.now += seconds
    with Busy(slots) as busy:
        assert [busy.ask(stranger) for stranger in STRANGERS[:2]] == [None, None]
        assert busy.ask("2001:db8:5:99::2", own=True) is Code.OVERLOADED
        assert busy.ask(quick, own=True) is None
    clock.now += PAUSE
    with Busy(slots) as busy:
        assert [busy.ask(stranger) for stranger in STRANGERS[:2]] == [None, None]
        assert busy.ask(slow, own=True) is None


def test_a_slot_comes_back_whatever_happens_in_it() -> None:
    slots = Slots(3)
    for own in (True, False) * 5:
        with pytest.raises(KeyError), slots.held(SERVERS[0], own=own):
            raise KeyError
    with Busy(slots) as busy:
        assert [busy.ask(server, own=True) for server in SERVERS[:3]] == [None, None, None]


def test_strangers_by_the_dozen_hold_the_kept_slots_for_a_minute_of_fifteen() -> None:
    """Fifty that name themselves, each silent for as long as a probe takes, and again as soon as they may."""
    clock = Clock()
    slots, refused = Slots(12, clock), 0
    for _ in range(720):  # for an hour
        with Busy(slots) as strangers:
            for number in range(50):
                strangers.ask(f"192.0.2.{number}", own=True)
            try:
                with slots.held(SERVERS[0], own=True):
                    pass
            except Refusal:
                refused += 1
            clock.now += 5
    assert refused == 4 * (50 // 4)
