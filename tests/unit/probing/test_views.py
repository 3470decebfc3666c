"""The DNS is asked at several places, and who is silent keeps nobody waiting (docs/spec P5; ADR 0058)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from mecai.errors import HostError
from mecai.probing import patience
from mecai.probing.lookups import Look, Records, RecordType
from mecai.probing.quorum import Perspective
from mecai.probing.views import View, Views
from mecai.service.deadline import Deadline
from tests.patience import SECONDS

PROOF, OTHER = (("", b"proof"),), (("", b"other"),)
Make = Callable[..., Views]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Give what silent places wait for; they end with the test."""
    monkeypatch.setattr(patience, "GRACE_SECONDS", 0.02)
    door = threading.Event()
    yield door
    door.set()
    for thread in threading.enumerate():
        if thread.name.startswith("perspective"):
            thread.join(SECONDS)


@pytest.fixture
def make(door: threading.Event) -> Make:
    """Make the VAS's view and those of agents, each of which sees this; those of `silent` when the door is open."""

    def view(place: int, seen: Records | None, silent: Sequence[int]) -> View:
        def look(_name: str, _kind: RecordType, _deadline: Deadline) -> Records:
            if place in silent:
                door.wait(SECONDS)
            if seen is None:
                raise HostError("no answer")
            return seen

        name = f"agent-{place}" if place else "vas"
        return View(Perspective(name, name), look)

    return lambda *seen, silent=(): Views([view(place, each, silent) for place, each in enumerate(seen)])


def look_up(look: Look) -> Records:
    return look("example.test", RecordType.TXT, Deadline(SECONDS))


def proves(records: Records) -> bool:
    return records == PROOF


def names(found: object) -> list[str]:
    assert isinstance(found, dict)
    return [place.name for place in found]


@pytest.mark.parametrize("silent", range(3))
def test_whoever_is_silent_of_three_is_not_waited_for(make: Make, silent: int) -> None:
    """The VAS counts as an agent does."""
    everybody = ["vas", "agent-1", "agent-2"]
    views = make(PROOF, PROOF, PROOF, silent=[silent])
    assert names(views.ask(look_up)) == [each for place, each in enumerate(everybody) if place != silent]


@pytest.mark.parametrize(("first", "second"), [(PROOF, OTHER), (OTHER, PROOF), (PROOF, None)])
def test_who_decides_is_waited_for(make: Make, door: threading.Event, first: Records, second: Records | None) -> None:
    views = make(first, second, PROOF, silent=[2])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(views.ask, look_up, proves)
        with pytest.raises(TimeoutError):
            asked.result(0.1)  # longer than the grace
        door.set()
        found = asked.result(SECONDS)
    assert "agent-2" in names(found)


def test_nor_is_waited_for_who_comes_too_late_for_a_proof(make: Make) -> None:
    """With him there is none either."""
    assert names(make(OTHER, OTHER, PROOF, silent=[2]).ask(look_up, proves)) == ["vas", "agent-1"]


def test_where_too_few_answer_it_is_said_who_did_not(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(HostError, match=r"^the DNS, asked at 3 places: agent-1: no answer; agent-2: no answer$"):
        make(PROOF, None, None).ask(look_up)
    assert "no answer from the DNS: agent-1: no answer" in caplog.text


def test_who_was_late_is_left_out_the_next_time(make: Make) -> None:
    views = make(PROOF, PROOF, PROOF, silent=[1])
    assert len(views.ask(look_up)) == 2
    late = next(each for each in views.views if views.patience.is_paused(each.perspective))
    assert late.perspective.name == "agent-1"
