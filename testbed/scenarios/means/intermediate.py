"""The key of an intermediate CA is stolen: the root of an authority certified it, and the attacker issues with it.

The lab's own issuing CA keeps its key, so that revoking the stolen one leaves the lab whole: the root certifies two.
"""

from testbed.scenarios import keys
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    keys.obtain(arena, arguments["tag"], arguments["of"], f"{arguments['of']} issuing CA", "issuing")


def _stop(arena: Arena, arguments: Arguments) -> None:
    keys.give_up(arena, arguments["tag"], arguments["of"])


MEAN = Mean(
    name="intermediate",
    says="the attacker has the key of an intermediate CA, which an authority's root certified",
    parameters={"of": Parameter("host", "rogue"), "tag": Parameter("word", "intermediate")},
    start=_start,
    stop=_stop,
)
