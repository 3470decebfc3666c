"""No attack but the defence: the vendor publishes a directory that trusts a CA no more, where authorities fetch it."""

from testbed.scenarios import authorities, publishing
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    publishing.publish_distrust(arena, authorities.root_hash(arena, arguments["ca"]))


def _stop(arena: Arena, _arguments: Arguments) -> None:
    publishing.restore(arena)


MEAN = Mean(
    name="new-context",
    says="the vendor publishes a directory that trusts a CA no more, where authorities fetch it",
    parameters={"ca": Parameter("host", "rogue")},
    start=_start,
    stop=_stop,
)
