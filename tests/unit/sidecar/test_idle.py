"""What a round judges again: nothing while files, directory and time stand still, and all that has moved."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType, FrameType
from typing import Any

import pytest

from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Distrust
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.direct import validate_authority, validate_delegate
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.ocsp import judge_ocsp
from mecai.protocol.pki.path import validate_chain
from mecai.service.directory_file import read_directory
from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.memory import LONGEST
from tests.pki import DAY, NOW
from tests.scene import ADDRESS
from tests.unit.sidecar.conftest import SECOND, Side
from tests.unit.sidecar.test_refresh import MINUTE

COSTLY = (read_directory, parse_voucher, validate_chain, validate_authority, validate_delegate, judge_ocsp)
FOR_ONE_VOUCHER = {"parse_voucher": 1, "validate_authority": 1, "judge_ocsp": 3}  # its own, and two of evidence
ALL_FILES = {"parse_voucher": 3, "validate_authority": 3, "judge_ocsp": 3 * 3 + 1}
EVERYTHING = {"read_directory": 1, "validate_chain": 1, **ALL_FILES}


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the calls of what costs, in every thread and under whatever name it was imported."""
    names: dict[CodeType, str] = {each.__code__: each.__name__ for each in COSTLY}
    calls: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in names:
            calls[names[frame.f_code]] += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def cost(side: Side) -> dict[str, int]:
    """Run one round in which nobody is asked; return what was judged."""
    with counted() as calls:
        side.run()
    assert side.asked == []
    return dict(calls)


@pytest.fixture
def idle(side: Side) -> Side:
    """Give a sidecar that has everything it wants."""
    side.run()
    return side


def test_an_idle_round_judges_nothing(idle: Side) -> None:
    for minute in range(1, 4):
        idle.now = NOW + minute * MINUTE
        assert cost(idle) == {}


def test_three_authorities_and_two_addresses_cost_as_much_as_one_address(side: Side) -> None:
    """A voucher is parsed and verified once, however many addresses it is for."""
    with counted() as both:
        side.run()
    side.addresses("198.18.0.10")
    with counted() as one:
        side.run(everything=True)
    assert both["parse_voucher"] == 3
    assert both["validate_authority"] == 3
    assert both["judge_ocsp"] == 3 * 3 + 2  # the staple: when it came, and by the rules for what is written
    # The second service finds the former files, and judges them once before it asks.
    assert one - both == Counter({"parse_voucher": 3, "validate_authority": 3, "judge_ocsp": 9 + 1})


def test_a_changed_file_is_judged_and_no_other(idle: Side) -> None:
    birch = idle.scene.birch
    idle.path(birch).write_bytes(idle.scene.voucher(birch, addresses=(ADDRESS, SECOND), serial_number=99))
    assert cost(idle) == FOR_ONE_VOUCHER
    assert cost(idle) == {}


def test_a_damage_of_the_same_length_in_the_same_moment_is_seen(idle: Side) -> None:
    """However coarse the file system's clock: inode, size and times are those of the file that was judged."""
    path = idle.path(idle.scene.birch)
    damaged = path.read_bytes()[:-1] + b"\0"
    with path.open("r+b") as file:
        file.write(damaged)
    idle.run()
    assert set(idle.asked) == {"https://vas.birch.test"}


def test_the_same_content_in_another_file_is_not_judged(idle: Side) -> None:
    path = idle.path(idle.scene.birch)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert cost(idle) == {}


def test_a_new_directory_judges_everything(idle: Side) -> None:
    idle.publish(replace(idle.scene.directory, sequence=2))
    assert cost(idle) == EVERYTHING
    assert cost(idle) == {}


def test_other_publishers_read_the_directory_again(idle: Side) -> None:
    path = idle.config.publishers
    path.write_bytes(path.read_bytes() + idle.scene.birch.root.pem)
    assert cost(idle) == {"read_directory": 1}


def test_another_chain_judges_everything_but_the_directory(idle: Side) -> None:
    """The server also shows its root: the files are judged for that chain, and other vouchers come, judged as well."""
    entry = idle.config.certificates[0]
    entry.chain.write_bytes(idle.scene.site.chain_pem + idle.scene.alder.root.pem)
    with counted() as calls:
        idle.run()
    vouchers = Counter(parse_voucher=3, validate_authority=3, judge_ocsp=9)
    assert calls == Counter(ALL_FILES) + vouchers + Counter(validate_chain=1)


MOVES: dict[str, Callable[[], Any]] = {
    "set back": lambda: NOW - MINUTE,
    "three hours later": lambda: NOW + LONGEST,
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_a_clock_that_leaves_the_time_of_a_verdict_judges_everything(idle: Side, move: Callable[[], Any]) -> None:
    idle.now = move()
    assert cost(idle) == EVERYTHING
    assert cost(idle) == {}


def test_a_voucher_that_ends_within_the_hour_is_judged_when_it_does(side: Side) -> None:
    birch = side.scene.birch
    side.answer(birch, side.scene.voucher(birch, addresses=(ADDRESS, SECOND), next_update=NOW + 20 * MINUTE))
    side.run()
    side.answer(birch, RuntimeError("down"))
    side.now = NOW + 20 * MINUTE - MINUTE / 60
    side.run()
    assert side.written(birch) is not None
    side.now = NOW + 20 * MINUTE
    side.run()
    assert side.written(birch) is None


def test_a_distrust_that_comes_into_force_within_the_hour_removes_vouchers(side: Side) -> None:
    """The directory's file is the same; the time is not."""
    later = Distrust(spki_hash(side.scene.alder.issuing.certificate), NOW + 10 * MINUTE, "test")
    side.publish(replace(side.scene.directory, sequence=2, distrust=(later,)))
    side.run()
    assert side.written(side.scene.birch) is not None
    side.now = NOW + 10 * MINUTE
    side.run()
    assert side.written(side.scene.birch) is None


def test_an_expired_directory_stops_a_service_that_remembers_it(idle: Side) -> None:
    idle.now = NOW + 7 * DAY - MINUTE
    idle.run()
    idle.now = NOW + 7 * DAY
    with pytest.raises(VerificationError, match="directory-expired"):
        idle.run()


def test_a_chain_that_ends_within_the_hour_is_not_served_any_longer(side: Side) -> None:
    short = side.scene.alder.server("www.example.test", days=1)
    side.responders.know(side.scene.alder, short)
    side.show(short)
    side.now = NOW + DAY - MINUTE
    side.run()
    assert "OCSP staple" in side.report()
    side.now = NOW + DAY + MINUTE
    side.run()
    assert side.asked == []


def test_a_former_certificate_is_remembered_too(idle: Side) -> None:
    """Its files are parsed once for their end."""
    renewed = idle.scene.alder.server("www.example.test", days=100)
    idle.show(renewed)
    idle.run()
    with counted() as calls:
        idle.run()
    assert calls == {}


def test_two_entries_with_one_chain_do_not_judge_each_other_anew(side: Side) -> None:
    entry = CertificateEntry(side.config.certificates[0].chain, ("198.18.0.11",))
    side.config = replace(side.config, certificates=(*side.config.certificates, entry))
    side.run()
    assert cost(side) == {}
