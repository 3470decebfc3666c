"""A resolver lies: it leads a name to another host, as a poisoned cache or a taken-over resolver does."""

from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    resolver = _resolver(arena, arguments)
    for kind, address in zip(("A", "AAAA"), arena.plan.addresses(arguments["to"]), strict=True):
        record = f"{arguments['name']}. 1 IN {kind} {address}"
        must(arena.run, resolver, ["unbound-control", "local_data", record])


def _stop(arena: Arena, arguments: Arguments) -> None:
    must(arena.run, _resolver(arena, arguments), ["unbound-control", "local_data_remove", f"{arguments['name']}."])


def _resolver(arena: Arena, arguments: Arguments) -> str:
    return arena.plan.resolver(arguments["near"]).name


MEAN = Mean(
    name="poison-dns",
    says="the resolver of a host leads a name to another host",
    parameters={
        "near": Parameter("host", "client"),
        "name": Parameter("name", "site"),
        "to": Parameter("host", "attacker"),
    },
    start=_start,
    stop=_stop,
)
