"""A service of an authority cannot be reached: what others send to it is turned away at its door.

A Voucher Authority Server with several nodes has several doors.
"""

from collections.abc import Iterator

from testbed.roles.perspective import nodes_of
from testbed.scenarios import packets
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_PORTS = {"vas": 443, "ocsp": 80}


def _start(arena: Arena, arguments: Arguments) -> None:
    hook = "    type filter hook input priority filter;\n"
    turned_away = f"    iifname != lo tcp dport {_PORTS[arguments['service']]} reject\n"
    for host in _doors(arena, arguments):
        packets.rule(arena, host, _table(arguments), hook + turned_away)


def _stop(arena: Arena, arguments: Arguments) -> None:
    for host in _doors(arena, arguments):
        packets.remove(arena, host, _table(arguments))


def _doors(arena: Arena, arguments: Arguments) -> Iterator[str]:
    yield arguments["host"]
    if arguments["service"] == "vas":
        yield from (node.name for node in nodes_of(arena.plan.topology, arguments["host"])[1:])


def _table(arguments: Arguments) -> str:
    return f"deny-{arguments['service']}"


MEAN = Mean(
    name="deny",
    says="nobody reaches a service of an authority any more",
    parameters={"host": Parameter("host"), "service": Parameter("word", "vas", tuple(_PORTS))},
    start=_start,
    stop=_stop,
)
