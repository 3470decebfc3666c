"""A service of an authority cannot be reached: its router turns away what is sent to it."""

from testbed.scenarios import gateways
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_PORTS = {"vas": 443, "ocsp": 80}


def _start(arena: Arena, arguments: Arguments) -> None:
    host, port = arguments["host"], _PORTS[arguments["service"]]
    rules = "".join(
        f"    {family} daddr {address} tcp dport {port} reject\n"
        for family, address in zip(("ip", "ip6"), arena.plan.addresses(host), strict=True)
    )
    hook = "    type filter hook forward priority filter;\n"
    gateways.rule(arena, gateways.router_of(arena, host), _table(arguments), hook + rules)


def _stop(arena: Arena, arguments: Arguments) -> None:
    gateways.remove(arena, gateways.router_of(arena, arguments["host"]), _table(arguments))


def _table(arguments: Arguments) -> str:
    return f"deny-{arguments['host']}-{arguments['service']}"


MEAN = Mean(
    name="deny",
    says="nobody reaches a service of an authority any more",
    parameters={"host": Parameter("host"), "service": Parameter("word", "vas", tuple(_PORTS))},
    start=_start,
    stop=_stop,
)
