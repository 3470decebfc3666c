"""A service of an authority cannot be reached: what others send to it is turned away at its door."""

from testbed.scenarios import packets
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_PORTS = {"vas": 443, "ocsp": 80}


def _start(arena: Arena, arguments: Arguments) -> None:
    hook = "    type filter hook input priority filter;\n"
    turned_away = f"    iifname != lo tcp dport {_PORTS[arguments['service']]} reject\n"
    packets.rule(arena, arguments["host"], _table(arguments), hook + turned_away)


def _stop(arena: Arena, arguments: Arguments) -> None:
    packets.remove(arena, arguments["host"], _table(arguments))


def _table(arguments: Arguments) -> str:
    return f"deny-{arguments['service']}"


MEAN = Mean(
    name="deny",
    says="nobody reaches a service of an authority any more",
    parameters={"host": Parameter("host"), "service": Parameter("word", "vas", tuple(_PORTS))},
    start=_start,
    stop=_stop,
)
