"""The attacker's relay: it reads each ClientHello that comes to it, and changes, drops or forwards (`tools/relay`)."""

import json

from testbed.machine.limits import LIMITS
from testbed.scenarios import authorities, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_UNIT = "attack-relay.service"
_STOP = 'systemctl stop "$1"; systemctl reset-failed "$1" 2>/dev/null; exit 0'


def _start(arena: Arena, arguments: Arguments) -> None:
    _stop(arena, arguments)  # of an earlier scene
    attacker = arena.host("attacker").name
    told = {
        "port": arguments["port"],
        "real": dict(zip("46", arena.plan.addresses(arguments["server"]), strict=True)),
        "false": 443,
        "manner": arguments["manner"],
        "va": authorities.identifier(arena, arguments["va"]) if arguments["va"] else "",
    }
    limits = ["--property=Type=notify", f"--property=RuntimeMaxSec={LIMITS.relay_seconds}", "--property=MemoryMax=256M"]
    unit = ["systemd-run", "--quiet", "--collect", f"--unit={_UNIT}", "--property=NotifyAccess=all", *limits]
    must(arena.run, attacker, [*unit, "--", tools.PYTHON, "-c", tools.text("relay"), json.dumps(told)])


def _stop(arena: Arena, _arguments: Arguments) -> None:
    must(arena.run, arena.host("attacker").name, ["sh", "-c", _STOP, "sh", _UNIT])


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
