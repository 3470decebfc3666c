"""The directory that a client gets is another: its delivery, or its publisher's key, is in the attacker's hands."""

from testbed.scenarios import publishing
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    publishing.deliver(arena, [arguments["to"]], arguments["manner"])


def _stop(arena: Arena, _arguments: Arguments) -> None:
    publishing.restore(arena)


MEAN = Mean(
    name="directory",
    says="a host gets another directory than the publisher's last",
    parameters={
        "manner": Parameter("word", None, ("rolled-back", "equivocating", "expired")),
        "to": Parameter("host", "client"),
    },
    start=_start,
    stop=_stop,
)
