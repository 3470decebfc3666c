"""The attacker's relay: it reads each ClientHello that comes to it, and changes, drops or forwards (`tools/relay`)."""

import json

from testbed.scenarios import authorities, tools, units
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_UNIT = "attack-relay"


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker = arena.host("attacker").name
    told = {
        "port": arguments["port"],
        "real": dict(zip("46", arena.plan.addresses(arguments["server"]), strict=True)),
        "false": 443,
        "manner": arguments["manner"],
        "va": authorities.identifier(arena, arguments["va"]) if arguments["va"] else "",
    }
    units.serve(arena, attacker, _UNIT, [tools.PYTHON, "-c", tools.text("relay"), json.dumps(told)])


def _stop(arena: Arena, _arguments: Arguments) -> None:
    units.stop(arena, arena.host("attacker").name, _UNIT)


MEAN = Mean(
    name="relay",
    says="a relay of the attacker's reads each ClientHello, and changes it, drops it or forwards it",
    parameters={
        "manner": Parameter("word", None, ("pass", "strip", "downgrade", "drop", "relay")),
        "va": Parameter("host", ""),
        "server": Parameter("host", "server"),
        "port": Parameter("number", 8443),
    },
    start=_start,
    stop=_stop,
)
