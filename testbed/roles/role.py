"""What a role is: everything that the testbed knows of one kind of host, in one value."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology


@dataclass(frozen=True)
class Check:
    """A command that succeeds, on the host `on`, when a promise of the checked host holds.

    `look` is what a person runs there to see more, where that is another command.
    """

    promise: str
    on: str
    command: Sequence[str]
    look: Sequence[str] = ()


def fetch(url: str, *options: str) -> list[str]:
    """Return the command that succeeds when a URL answers."""
    return [
        "curl",
        "--fail",
        "--silent",
        "--show-error",
        "--max-time",
        str(LIMITS.responder_seconds),
        "--output",
        "/dev/null",
        *options,
        url,
    ]


def _nothing(_whole: object, _host: Host) -> Iterable[Any]:
    return ()


def _no_variables(_plan: Plan, _host: Host) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Role:
    """One kind of host.

    `groups` are the Ansible groups that its hosts are in, `further_groups` those that some of them are in, `variables`
    what Ansible's roles are told about one (the topology's `vars` come after and win), `needs` the roles without which
    it cannot work, each with what that one does for it, `promises` how one shows that it does its work, `faults` what
    a topology says of one that cannot be.
    `forwards`: its hosts join zones; `guards`: they lead from their own, private zone to the others, not back;
    `resolves`: they answer DNS for the others; `names`: the domain names of a host for which the topology gives none;
    `shares_names`: the roles, maybe its own, whose hosts may have one of its names; `renewal`: the command by which a
    host renews what ends by itself.
    """

    name: str
    groups: tuple[str, ...]
    further_groups: Mapping[str, Callable[[Host], bool]] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    forwards: bool = False
    resolves: bool = False
    guards: bool = False
    shares_names: Sequence[str] = ()
    renewal: Sequence[str] = ()
    names: Callable[[str], tuple[str, ...]] = lambda _host: ()
    variables: Callable[[Plan, Host], Mapping[str, Any]] = _no_variables
    promises: Callable[[Plan, Host], Iterable[Check]] = _nothing
    faults: Callable[[Topology, Host], Iterable[str]] = _nothing
