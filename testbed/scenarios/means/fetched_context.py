"""No attack but the usual case, sped up: a Voucher Authority fetches directories over HTTPS, again and again.

Where it is every hour, here it is every few seconds (`seconds`).
"""

from testbed.scenarios import units, vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_FETCHES = "scenario-contexts"


def _start(arena: Arena, arguments: Arguments) -> None:
    units.repeat(arena, arguments["of"], _FETCHES, arguments["seconds"], vas.REFRESH)


def _stop(arena: Arena, arguments: Arguments) -> None:
    units.stop(arena, arguments["of"], _FETCHES)


MEAN = Mean(
    name="fetched-context",
    says="a Voucher Authority fetches directories every few seconds",
    parameters={"of": Parameter("host", "second"), "seconds": Parameter("number", 10)},
    start=_start,
    stop=_stop,
)
