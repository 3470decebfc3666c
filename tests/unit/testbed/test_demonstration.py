"""The demonstration tells the truth of what it saw, and leaves the lab as it was, however it ends.

`World` is a lab in memory: it holds what the attack changes (the resolver's lie, the attacker's site, certificates that
were issued and not revoked) and answers the clients' commands from it.
"""

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mecai.errors import HostError
from testbed.model import plan, reading
from testbed.roles import ROLES
from testbed.scenarios import demonstration
from testbed.scenarios.demonstration import Step

PLAN = plan.make(reading.load(reading.find("small"), ROLES))
SITE = "www.example.test"
KEY = ec.generate_private_key(ec.SECP256R1())
TITLES = [
    "The client demands vouchers, and gets one",
    "birch is compromised, the resolver lies: a plain client believes the attacker",
    "The client that demands vouchers refuses",
    "The lab is healed",
]


def certificate(serial: int) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SITE)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), serial, start, start + timedelta(days=1))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


class World:
    """A lab in memory; `broken` names a word: every command that holds it fails; `answers` overrides a client's."""

    def __init__(self, *, broken: str = "", answers: dict[str, tuple[int, str]] | None = None) -> None:
        self.lies: set[str] = set()
        self.files: dict[str, str] = {}
        self.valid: set[str] = set()
        self.issued = 0
        self.killer: type[BaseException] | None = None
        self.broken, self.answers = broken, answers or {}

    @property
    def clean(self) -> bool:
        """Whether nothing of an attack is left."""
        return not (self.lies or self.files or self.valid)

    def run(self, host: str, command: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a host."""
        words = " ".join(command)
        if self.killer:
            raise self.killer
        if self.broken and self.broken in words:
            return subprocess.CompletedProcess(list(command), 1, "", f"{host}: broken\n")
        code, output = self._run(host, words, stdin)
        return subprocess.CompletedProcess(list(command), code, output, "")

    def _run(self, host: str, words: str, stdin: str) -> tuple[int, str]:
        match words.split():
            case [*_, "mecai", "client", "get", _]:
                refused = (1, "refused: no-voucher") if self.lies else (0, "accepted")
                return self.answers.get(f"mecai {'attacked' if self.lies else 'peaceful'}", refused)
            case [*_, "curl", "--silent", "--show-error", "--max-time", "10", _]:
                page = "This page comes from the attacker." if self.lies else "This is the real one."
                return self.answers.get("curl", (0, page))
            case ["runuser", "-u", "mecai-ca", "--", "mecai", "ca", "issue", *_]:
                self.issued += 1
                self.valid.add(f"{self.issued:x}")
                return 0, certificate(self.issued)
            case [*_, "revoke", "--config", _, "--serial", serial]:
                self.valid.remove(serial)
                return 0, ""
        return self._write(host, words, stdin)

    def _write(self, host: str, words: str, stdin: str) -> tuple[int, str]:
        match words.split():
            case ["tee", file]:
                self.files[f"{host}:{file}"] = stdin
            case ["cat", file]:
                return int(f"{host}:{file}" not in self.files), self.files.get(f"{host}:{file}", "")
            case ["rm", "--force", *files]:
                for file in files:
                    self.files.pop(f"{host}:{file}", None)
            case ["unbound-control", "local_data", *record]:
                self.lies.add(" ".join(record))
            case ["unbound-control", "local_data_remove", name]:
                self.lies = {lie for lie in self.lies if not lie.startswith(name)}
        return 0, ""


def play(world: World) -> tuple[list[Step], HostError | None]:
    """Play the demonstration; returns the steps that were shown, and the error that ended it."""
    shown: list[Step] = []
    try:
        assert demonstration.play(world.run, PLAN, shown.append) == shown
    except HostError as error:
        return shown, error
    return shown, None


def test_four_steps_are_played_and_nothing_is_left() -> None:
    world = World()
    steps, error = play(world)
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
def test_a_step_that_ends_otherwise_ends_the_demonstration(answers: dict[str, tuple[int, str]], failing: int) -> None:
    world = World(answers=answers)
    steps, error = play(world)
    assert [step.good for step in steps] == [True] * failing + [False]
    assert error is not None
    assert TITLES[failing] in str(error)
    assert world.clean


@pytest.mark.parametrize("broken", ["tee", "ca issue", "local_data www", "openssl req", "reload", "cat "])
def test_an_attack_that_breaks_off_half_way_is_undone(broken: str) -> None:
    world = World(broken=broken)
    _, error = play(world)
    assert (error is None) == (broken == "cat ")
    assert world.clean


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_middle_of_the_attack_heals(end: type[BaseException]) -> None:
    world = World()

    def interrupt(step: Step) -> None:
        if step.title == TITLES[1]:
            raise end

    with pytest.raises(end):
        demonstration.play(world.run, PLAN, interrupt)
    assert world.issued == 1
    assert world.clean


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_would_end_the_program_heals_first(number: signal.Signals) -> None:
    world, before = World(), signal.getsignal(number)

    def end(step: Step) -> None:
        if step.title == TITLES[1]:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        demonstration.play(world.run, PLAN, end)
    assert world.issued == 1
    assert world.clean
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("broken", "left"),
    [("local_data_remove", {"lies"}), ("--force", {"files"}), ("revoke", {"valid"})],
)
def test_one_part_that_will_not_heal_is_told_and_the_others_heal(broken: str, left: set[str]) -> None:
    world = World()

    def breaking(step: Step) -> None:
        if step.title == TITLES[2]:
            world.broken = broken

    with pytest.raises(HostError, match="broken"):
        demonstration.play(world.run, PLAN, breaking)
    assert {part for part in ("lies", "files", "valid") if getattr(world, part)} == left


def test_what_a_killed_demonstration_left_is_healed_by_the_next() -> None:
    world = World()

    class Killed(BaseException):
        """The end of the process: no command reaches a host after it."""

    def kill(step: Step) -> None:
        if step.title == TITLES[1]:
            world.killer = Killed
            raise Killed

    with pytest.raises(Killed):
        demonstration.play(world.run, PLAN, kill)
    world.killer = None
    assert not world.clean

    _, error = play(world)
    assert error is None
    assert world.issued == 2
    assert world.clean


@pytest.mark.parametrize("chain", ["", "-----BEGIN CERTIFICATE-----\nMIIB"])
def test_a_chain_that_was_cut_off_is_taken_away(chain: str) -> None:
    world = World()
    world.files["attacker:/etc/ssl/certs/impersonation.pem"] = chain
    _, error = play(world)
    assert error is None
    assert world.clean


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
def test_what_a_topology_has_nobody_for_is_left_out(roles: tuple[str, ...], titles: list[str], missing: str) -> None:
    smaller, world = without(*roles), World()
    assert [step.title for step in demonstration.play(world.run, smaller, lambda _step: None)] == titles
    assert demonstration.left_out(smaller) == missing
    assert world.clean


def test_a_lab_that_was_left_attacked_is_healed_without_a_demonstration() -> None:
    world = World()
    world.lies.add("www.example.test. 1 IN A 198.18.8.10")
    world.files["attacker:/etc/ssl/certs/impersonation.pem"] = certificate(0xA)
    world.valid.add("a")
    demonstration.heal(world.run, PLAN)
    assert world.clean
    demonstration.heal(world.run, without("attacker"))
