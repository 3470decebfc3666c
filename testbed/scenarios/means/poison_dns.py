"""A resolver lies: it leads a name to another host, as a poisoned cache or a taken-over resolver does."""

from collections.abc import Iterable

from mecai.errors import HostError
from testbed.model.topology import Host
from testbed.roles import ROLES
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    resolver, to, place = _resolver(arena, arguments), arguments["to"], 2 * arguments["address"]
    addresses = arena.plan.every_address(to)[place - 2 : place]
    if not addresses:
        raise HostError(f"{to} has no address number {arguments['address']}")
    records = [f"1 IN {kind} {address}" for kind, address in zip(("A", "AAAA"), addresses, strict=True)]
    _tell(arena, resolver, arguments["name"], [f"{arguments['name']}. {record}" for record in records])


def _stop(arena: Arena, arguments: Arguments) -> None:
    resolver, name = _resolver(arena, arguments), arguments["name"]
    own: Iterable[str] = ROLES[resolver.role].variables(arena.plan, resolver).get("resolver_records", ())
    _tell(arena, resolver, name, [record for record in own if record.startswith(f"{name}. ")])


def _tell(arena: Arena, resolver: Host, name: str, records: Iterable[str]) -> None:
    """Have a resolver say this of a name, and nothing else; without any records what it learns."""
    must(arena.run, resolver.name, ["unbound-control", "local_data_remove", f"{name}."])
    for record in records:
        must(arena.run, resolver.name, ["unbound-control", "local_data", record])


def _resolver(arena: Arena, arguments: Arguments) -> Host:
    return arena.plan.resolver(arguments["near"])


MEAN = Mean(
    name="poison-dns",
    says="the resolver of a host leads a name to another host",
    parameters={
        "near": Parameter("host", "client"),
        "name": Parameter("name", "site"),
        "to": Parameter("host", "attacker"),
        "address": Parameter("number", 1),
    },
    start=_start,
    stop=_stop,
)
