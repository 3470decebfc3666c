"""No attack: visitors come to a site without a pause, by a stock TLS client and by one that demands vouchers.

What became of each visit the witness `visitor` counts (`tools/visit`).
"""

import json

from testbed.scenarios import kinds, tools, units
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

FOLDER = "/run/mecai-visits"
_UNIT = "scenario-visits"


def _start(arena: Arena, arguments: Arguments) -> None:
    own = {"state": f"{FOLDER}/state", "selection_key": f"{FOLDER}/selection.key"}
    settings = kinds.settings_text({**kinds.settings(arena, kinds.STICKY), **own})
    told = {"name": arguments["name"], "folder": FOLDER, "settings": settings}
    units.serve(arena, arguments["on"], _UNIT, ["python3", "-c", tools.text("visit"), json.dumps(told)])


def _stop(arena: Arena, arguments: Arguments) -> None:
    units.stop(arena, arguments["on"], _UNIT)
    must(arena.run, arguments["on"], ["rm", "-rf", FOLDER])


MEAN = Mean(
    name="visitors",
    says="visitors come to a site without a pause, by a stock client and by one that demands vouchers",
    parameters={"name": Parameter("name", "new-site"), "on": Parameter("host", "client")},
    start=_start,
    stop=_stop,
)
