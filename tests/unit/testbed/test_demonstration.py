"""The demonstration tells the truth of what it saw, and leaves the lab as it was, however it ends."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.errors import HostError
from testbed.model import plan
from testbed.scenarios import demonstration, journal
from testbed.scenarios.demonstration import Step
from tests.unit.testbed.world import LOOT, PLAN, World

TITLES = [
    "The client demands vouchers, and gets one",
    "birch is compromised, the resolver lies: a plain client believes the attacker",
    "The client that demands vouchers refuses",
    "The lab is healed",
]


def play(world: World, folder: Path) -> tuple[list[Step], HostError | None]:
    """Play the demonstration; returns the steps that were shown, and the error that ended it."""
    shown: list[Step] = []
    try:
        assert demonstration.play(world.arena(folder), shown.append) == shown
    except HostError as error:
        return shown, error
    return shown, None


def test_four_steps_are_played_and_nothing_is_left(tmp_path: Path) -> None:
    world = World()
    steps, error = play(world, tmp_path)
    assert error is None
    assert [step.title for step in steps] == TITLES
    assert [step.exit_code for step in steps] == [0, 0, 1, 0]
    assert all(step.good for step in steps)
    assert world.issued == 1
    assert world.clean


@pytest.mark.parametrize(
    ("answers", "failing"),
    [
        ({"mecai peaceful": (1, "refused: no-voucher")}, 0),
        ({"mecai peaceful": (0, "warned")}, 0),
        ({"curl": (0, "This is the real one.")}, 1),
        ({"curl": (60, "This page comes from the attacker.")}, 1),
        ({"mecai attacked": (0, "accepted")}, 2),
        ({"mecai attacked": (0, "refused: no-voucher")}, 2),
        ({"mecai attacked": (1, "refused: revoked")}, 2),
    ],
)
def test_a_step_that_ends_otherwise_ends_the_demonstration(
    answers: dict[str, tuple[int, str]], failing: int, tmp_path: Path
) -> None:
    world = World(answers=answers)
    steps, error = play(world, tmp_path)
    assert [step.good for step in steps] == [True] * failing + [False]
    assert error is not None
    assert TITLES[failing] in str(error)
    assert world.clean


@pytest.mark.parametrize("broken", ["tee", "ca issue", "local_data www", "openssl req", "nginx -q -t", "cat "])
def test_an_attack_that_breaks_off_half_way_is_undone(broken: str, tmp_path: Path) -> None:
    world = World(broken=broken)
    _, error = play(world, tmp_path)
    assert (error is None) == (broken == "cat ")
    assert world.clean


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_middle_of_the_attack_heals(end: type[BaseException], tmp_path: Path) -> None:
    world = World()

    def interrupt(step: Step) -> None:
        if step.title == TITLES[1]:
            raise end

    with pytest.raises(end):
        demonstration.play(world.arena(tmp_path), interrupt)
    assert world.issued == 1
    assert world.clean


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_would_end_the_program_heals_first(number: signal.Signals, tmp_path: Path) -> None:
    world, before = World(), signal.getsignal(number)

    def end(step: Step) -> None:
        if step.title == TITLES[1]:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        demonstration.play(world.arena(tmp_path), end)
    assert world.issued == 1
    assert world.clean
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("broken", "left"),
    [("local_data_remove", {"lies"}), ('rm "$1"; exec', {"files"}), ("revoke", {"files", "valid"})],
)
def test_one_part_that_will_not_heal_is_told_and_the_others_heal(broken: str, left: set[str], tmp_path: Path) -> None:
    world = World()

    def breaking(step: Step) -> None:
        if step.title == TITLES[2]:
            world.broken = broken

    with pytest.raises(HostError, match="broken"):
        demonstration.play(world.arena(tmp_path), breaking)
    assert {part for part in ("lies", "files", "valid") if getattr(world, part)} == left


def test_what_a_killed_demonstration_left_is_healed_by_the_next(tmp_path: Path) -> None:
    world = World()

    class Killed(BaseException):
        """The end of the process: no command reaches a host after it."""

    def kill(step: Step) -> None:
        if step.title == TITLES[1]:
            world.killer = Killed
            raise Killed

    with pytest.raises(Killed):
        demonstration.play(world.arena(tmp_path), kill)
    world.killer = None
    assert not world.clean

    _, error = play(world, tmp_path)
    assert error is None
    assert world.issued == 2
    assert world.clean


@pytest.mark.parametrize("chain", ["", "-----BEGIN CERTIFICATE-----\nMIIB"])
def test_a_chain_that_was_cut_off_is_taken_away(chain: str, tmp_path: Path) -> None:
    world = World()
    with pytest.raises(KeyboardInterrupt):
        demonstration.play(
            world.arena(tmp_path), interrupted_at(world, TITLES[1], leaving={f"{LOOT}/chain.pem": chain})
        )
    assert not world.lies
    assert not world.files


def interrupted_at(world: World, title: str, *, leaving: dict[str, str]) -> demonstration.Show:
    """Return what lets a demonstration be interrupted at a step, these files left as they are."""

    def interrupt(step: Step) -> None:
        if step.title == title:
            world.files |= leaving
            raise KeyboardInterrupt

    return interrupt


def without(*roles: str) -> plan.Plan:
    """Plan the small lab as if it had no hosts of these roles."""
    small = PLAN.topology
    return plan.make(replace(small, hosts=tuple(host for host in small.hosts if host.role not in roles)))


@pytest.mark.parametrize(
    ("roles", "titles", "missing"),
    [
        (("attacker",), TITLES[:1], "the attack: the topology has no attacker"),
        (("client",), [], "nothing can be shown without client"),
        (("tls_server", "client", "attacker"), [], "nothing can be shown without tls_server and client"),
        ((), TITLES, ""),
    ],
)
def test_what_a_topology_has_nobody_for_is_left_out(
    roles: tuple[str, ...], titles: list[str], missing: str, tmp_path: Path
) -> None:
    smaller, world = without(*roles), World()
    assert [step.title for step in demonstration.play(world.arena(tmp_path, smaller), lambda _step: None)] == titles
    assert demonstration.left_out(smaller) == missing
    assert world.clean


def test_a_lab_that_was_left_attacked_is_healed_without_a_demonstration(tmp_path: Path) -> None:
    world = World()

    class Killed(BaseException):
        """The end of the process."""

    def kill(_step: Step) -> None:
        world.killer = Killed if world.lies else None
        if world.killer:
            raise Killed

    with pytest.raises(Killed):
        demonstration.play(world.arena(tmp_path), kill)
    world.killer = None
    assert journal.stop(world.arena(tmp_path)) == ["rogue-certificate", "impersonate", "poison-dns"]
    assert world.clean
    assert journal.stop(world.arena(tmp_path)) == []
