"""No attack but the defence: the vendor publishes a directory that trusts a CA no more, where authorities fetch it."""

from testbed.scenarios import authorities, loot, publishing
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.fetched_context import HAUL, publish
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    publish(arena, arguments["at"], publishing.distrusting(arena, authorities.root_hash(arena, arguments["ca"])))


def _stop(arena: Arena, arguments: Arguments) -> None:
    honest = publishing.restore(arena)
    if loot.has(arena, arguments["at"], loot.path(HAUL, "directory.der")):
        publish(arena, arguments["at"], honest)


MEAN = Mean(
    name="new-context",
    says="the vendor publishes a directory that trusts a CA no more, where authorities fetch it",
    parameters={"ca": Parameter("host", "rogue"), "at": Parameter("host", "vendor")},
    start=_start,
    stop=_stop,
)
