"""The demonstration: an accepted connection, an attack that a plain client believes, a refusal, and the healed lab.

The attack is the one MECAI is for. A certificate authority that is not the site's own issues a certificate for the
site's name to an attacker, and the client's resolver is made to point at the attacker (`impersonation`). Whatever
happens, the lab is healed at the end, and what an earlier run left is healed at the beginning.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mecai.errors import HostError
from testbed.machine.signals import unwinding
from testbed.model.plan import Plan
from testbed.roles.tls_server import issuer
from testbed.scenarios.hosts import Run
from testbed.scenarios.impersonation import PAGE, Attack, clear, impersonation


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
class Actors:
    """The client, the site that it asks for, and the attack on it, where the topology has who could."""

    client: str
    site: str
    attack: Attack | None


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


def actors(plan: Plan) -> Actors | None:
    """Find the actors in a topology, None in one without a server or without a client."""
    topology = plan.topology
    server, client, attacker = (next(iter(topology.of_role(role)), None) for role in (*_PLAYERS, "attacker"))
    if not (server and client):
        return None
    compromised = [host.name for host in topology.of_role("authority") if host.name != issuer(topology, server)]
    if not (attacker and compromised):
        return Actors(client.name, server.names[0], None)
    resolver, addresses = plan.resolver(client.name).name, plan.addresses(attacker.name)
    attack = Attack(resolver, attacker.name, addresses, compromised[0], server.names[0])
    return Actors(client.name, server.names[0], attack)


def left_out(plan: Plan) -> str:
    """Say which part of the story a topology has nobody for, empty when it has all."""
    topology = plan.topology
    missing = [role for role in _PLAYERS if not topology.of_role(role)]
    if missing:
        return f"nothing can be shown without {' and '.join(missing)}"
    return "" if topology.of_role("attacker") else "the attack: the topology has no attacker"


def heal(run: Run, plan: Plan) -> None:
    """Undo what an attack left whose program was killed; raises `HostError` when a part of it will not go."""
    if (who := actors(plan)) and who.attack:
        clear(run, who.attack)


def play(run: Run, plan: Plan, show: Show, *, colour: bool = False) -> list[Step]:
    """Play all steps that the topology has actors for, each shown as it ends.

    Raises `HostError` for the first that goes otherwise than expected.
    """
    steps: list[Step] = []
    if (who := actors(plan)) is None:
        return steps

    def act(expected: Expectation) -> None:
        steps.append(_act(run, who.client, expected, colour=colour))
        show(steps[-1])
        _require(steps[-1], expected)

    heal(run, plan)
    act(_accepted("The client demands vouchers, and gets one", who.site))
    if who.attack:
        with unwinding(), impersonation(run, who.attack):
            for expected in _attacked(who.attack):
                act(expected)
        act(_accepted("The lab is healed", who.site))
    return steps


def _accepted(title: str, site: str) -> Expectation:
    return Expectation(title, _fetch(site), "verdict accepted", 0, "accepted")


def _attacked(attack: Attack) -> tuple[Expectation, Expectation]:
    believe = ("curl", "--silent", "--show-error", "--max-time", "10", f"https://{attack.site}/")
    lie = f"{attack.compromised} is compromised, the resolver lies: a plain client believes the attacker"
    refusal = "verdict refused, reason no-voucher"
    return (
        Expectation(lie, believe, "the attacker's page", 0, re.escape(PAGE)),
        Expectation("The client that demands vouchers refuses", _fetch(attack.site), refusal, 1, "no-voucher"),
    )


def _fetch(site: str) -> tuple[str, ...]:
    return ("mecai", "client", "get", f"https://{site}/")


def _act(run: Run, host: str, expected: Expectation, *, colour: bool) -> Step:
    environment = ["env", *(["FORCE_COLOR=1"] if colour else []), "COLUMNS=110"]
    done = run(host, [*environment, *expected.command], "")
    output = (done.stdout + done.stderr).rstrip()
    good = done.returncode == expected.exit_code and re.search(expected.pattern, output) is not None
    command = " ".join(expected.command)
    return Step(expected.title, host, command, output, done.returncode, expected.words, good)


def _require(step: Step, expected: Expectation) -> None:
    if not step.good:
        wanted = f"expected {expected.exit_code} and {expected.words}"
        raise HostError(f"demonstration, {expected.title!r}: exit code {step.exit_code}, {wanted}")
