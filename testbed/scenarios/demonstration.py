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
    """The client who is to be deceived, and the attack on it."""

    client: str
    attack: Attack


@dataclass(frozen=True)
class Expectation:
    """What a step does, and how it must end: in words, as exit code, as a pattern in its output."""

    title: str
    command: tuple[str, ...]
    words: str
    exit_code: int
    pattern: str


Show = Callable[[Step], None]


def actors(plan: Plan) -> Actors:
    """Find the actors in a topology; raises `HostError` for one that has too few."""
    topology = plan.topology
    try:
        [server, *_], [client, *_], [attacker, *_] = map(topology.of_role, ("tls_server", "client", "attacker"))
        compromised = next(host for host in topology.of_role("authority") if host.name != issuer(topology, server))
    except (ValueError, StopIteration) as error:
        raise HostError(
            f"topology {topology.name}: the demonstration needs a tls_server, a client, an attacker and two authorities"
        ) from error
    resolver, addresses = plan.resolver(client.name).name, plan.addresses(attacker.name)
    return Actors(client.name, Attack(resolver, attacker.name, addresses, compromised.name, server.names[0]))


def play(run: Run, plan: Plan, show: Show, *, colour: bool = False) -> list[Step]:
    """Play all steps, each shown as it ends; raises `HostError` for the first that goes otherwise than expected."""
    who = actors(plan)
    steps: list[Step] = []

    def act(expected: Expectation) -> None:
        steps.append(_act(run, who.client, expected, colour=colour))
        show(steps[-1])
        _require(steps[-1], expected)

    before, deceived, refused, after = _story(who.attack)
    clear(run, who.attack)
    act(before)
    with unwinding(), impersonation(run, who.attack):
        act(deceived)
        act(refused)
    act(after)
    return steps


def _story(attack: Attack) -> tuple[Expectation, Expectation, Expectation, Expectation]:
    url = f"https://{attack.site}/"
    fetch = ("mecai", "client", "get", url)
    believe = ("curl", "--silent", "--show-error", "--max-time", "10", url)
    lie = f"{attack.compromised} is compromised, the resolver lies: a plain client believes the attacker"
    refusal = "verdict refused, reason no-voucher"
    return (
        Expectation("The client demands vouchers, and gets one", fetch, "verdict accepted", 0, "accepted"),
        Expectation(lie, believe, "the attacker's page", 0, re.escape(PAGE)),
        Expectation("The client that demands vouchers refuses", fetch, refusal, 1, "no-voucher"),
        Expectation("The lab is healed", fetch, "verdict accepted", 0, "accepted"),
    )


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
