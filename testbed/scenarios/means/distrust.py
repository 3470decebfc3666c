"""No attack but the defence: the software vendor withdraws trust from a CA, in the directory that hosts get.

Where authorities are among them, a server gets its vouchers anew, as it does twice a day: they say whose trust is left.
"""

from testbed.scenarios import authorities, publishing, staples
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    publishing.deliver(arena, arguments["to"], "distrusting", spki=authorities.root_hash(arena, arguments["ca"]))
    _renew(arena, arguments)


def _stop(arena: Arena, arguments: Arguments) -> None:
    publishing.restore(arena)
    _renew(arena, arguments)


def _renew(arena: Arena, arguments: Arguments) -> None:
    vouching = {host.name for host in arena.hosts("authority")}
    if not vouching.isdisjoint(arguments["to"]):
        staples.renew(arena, arguments["server"])


MEAN = Mean(
    name="distrust",
    says="the software vendor's directory withdraws trust from a CA, and hosts get it",
    parameters={
        "ca": Parameter("host", "rogue"),
        "to": Parameter("hosts", ("client",)),
        "server": Parameter("host", "server"),
    },
    start=_start,
    stop=_stop,
)
