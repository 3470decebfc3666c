"""Somebody on the path, at the router next to a host, sends what that host sends to a server somewhere else.

The host sees the server's own address answer, so that neither DNS nor an address gives it away.
"""

from testbed.scenarios import packets
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    near = arguments["near"]
    packets.divert(
        arena, packets.router_of(arena, near), _table(arguments),
        server=arguments["server"], to=arguments["to"], port=arguments["port"],
        only=f"iifname {arena.plan.topology.host(near).zone} ",
    )  # fmt: skip


def _stop(arena: Arena, arguments: Arguments) -> None:
    packets.remove(arena, packets.router_of(arena, arguments["near"]), _table(arguments))


def _table(arguments: Arguments) -> str:
    return f"redirect-{arguments['near']}"


MEAN = Mean(
    name="redirect",
    says="the router next to a host sends its connections with a server elsewhere",
    parameters={
        "near": Parameter("host", "client"),
        "server": Parameter("host", "server"),
        "to": Parameter("host", "attacker"),
        "port": Parameter("number", 443),
    },
    start=_start,
    stop=_stop,
)
