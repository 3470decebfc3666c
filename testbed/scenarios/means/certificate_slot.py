"""No attack: a server gets a slot for its certificates, with a first one that is live at once (docs/sidecar.md).

nginx with the module shows what is live, next and backup at ports of their own; the sidecar asks for all of them.
"""

from testbed.scenarios import keys, slots
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter
from testbed.scenarios.means.staged_certificate import certified


def _start(arena: Arena, arguments: Arguments) -> None:
    on, slot = arguments["on"], arguments["tag"]
    slots.stage(arena, on, slot, certified(arena, arguments))
    slots.serve(arena, on, slot, arguments["name"], arena.plan.addresses(on))


def _stop(arena: Arena, arguments: Arguments) -> None:
    slots.remove(arena, arguments["on"], arguments["tag"])
    keys.give_up(arena, arguments["tag"], arguments["by"], arguments["on"])


MEAN = Mean(
    name="certificate-slot",
    says="a server gets a slot for its certificates, with a first one that is live at once",
    parameters={
        "tag": Parameter("word"),
        "on": Parameter("host", "server"),
        "by": Parameter("host", "issuer"),
        "name": Parameter("name", "new-site"),
    },
    start=_start,
    stop=_stop,
)
