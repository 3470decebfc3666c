"""The demonstration: an accepted connection, an attack that a plain client believes, a refusal, and the healed lab.

The attack is the one MECAI is for, the scenario `rogue-no-voucher`: a certificate authority that is not the site's own
issues a certificate for the site's name to an attacker, and the client's resolver is made to point at the attacker.
Whatever happens, the lab is healed at the end, and what an earlier run left is healed at the beginning.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mecai.errors import HostError
from testbed.machine.limits import LIMITS, PATIENCE
from testbed.machine.signals import unwinding
from testbed.model.plan import Plan
from testbed.scenarios import engine, journal, reading
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.impersonate import PAGE


@dataclass(frozen=True)
class Step:
    """One command on one host, what it said, and whether that is what the story expects."""

    title: str
    host: str
    command: str
    output: str
    exit_code: int
    expected: str
    good: bool


@dataclass(frozen=True)
class Expectation:
    """What a step does, and how it must end: in words, as exit code, as a pattern in its output."""

    title: str
    command: tuple[str, ...]
    words: str
    exit_code: int
    pattern: str


Show = Callable[[Step], None]

_PLAYERS = ("tls_server", "client")
_ATTACK = "rogue-no-voucher"


def playable(plan: Plan) -> bool:
    """Say whether a topology has a server and a client, without which nothing can be shown."""
    return all(map(plan.topology.of_role, _PLAYERS))


def left_out(plan: Plan) -> str:
    """Say which part of the story a topology has nobody for, empty when it has all."""
    topology = plan.topology
    missing = [role for role in _PLAYERS if not topology.of_role(role)]
    if missing:
        return f"nothing can be shown without {' and '.join(missing)}"
    return "" if topology.of_role("attacker") else "the attack: the topology has no attacker"


def play(arena: Arena, show: Show, *, colour: bool = False) -> list[Step]:
    """Play all steps that the topology has actors for, each shown as it ends.

    Raises `HostError` for the first that goes otherwise than expected.
    """
    steps: list[Step] = []
    if not playable(arena.plan):
        return steps

    def act(expected: Expectation) -> None:
        steps.append(_act(arena, expected, colour=colour))
        show(steps[-1])
        _require(steps[-1], expected)

    journal.stop(arena)
    act(_accepted("The client demands vouchers, and gets one", arena.site))
    if not left_out(arena.plan):
        with unwinding(), engine.under_way(arena, reading.find(_ATTACK), lambda _text: None):
            for expected in _attacked(arena):
                act(expected)
        act(_accepted("The lab is healed", arena.site))
    return steps


def _accepted(title: str, site: str) -> Expectation:
    return Expectation(title, _fetch(site), "verdict accepted", 0, "accepted")


def _attacked(arena: Arena) -> tuple[Expectation, Expectation]:
    site = arena.site
    believe = ("curl", "--silent", "--show-error", "--max-time", str(LIMITS.curl_seconds), f"https://{site}/")
    lie = f"{arena.cast['rogue']} is compromised, the resolver lies: a plain client believes the attacker"
    refusal = "verdict refused, reason no-voucher"
    return (
        Expectation(lie, believe, "the attacker's page", 0, re.escape(PAGE)),
        Expectation("The client that demands vouchers refuses", _fetch(site), refusal, 1, "no-voucher"),
    )


def _fetch(site: str) -> tuple[str, ...]:
    """Say what a person would; where the lab is to be patient, the client too."""
    patient = ("--timeout", str(LIMITS.patient_client_seconds)) if PATIENCE > 1 else ()
    return ("mecai", "client", "get", *patient, f"https://{site}/")


def _act(arena: Arena, expected: Expectation, *, colour: bool) -> Step:
    environment = ["env", *(["FORCE_COLOR=1"] if colour else []), "COLUMNS=110"]
    host = arena.host("client").name
    done = arena.run(host, [*environment, *expected.command], "")
    output = (done.stdout + done.stderr).rstrip()
    good = done.returncode == expected.exit_code and re.search(expected.pattern, output) is not None
    command = " ".join(expected.command)
    return Step(expected.title, host, command, output, done.returncode, expected.words, good)


def _require(step: Step, expected: Expectation) -> None:
    if not step.good:
        wanted = f"expected {expected.exit_code} and {expected.words}"
        raise HostError(f"demonstration, {expected.title!r}: exit code {step.exit_code}, {wanted}")
