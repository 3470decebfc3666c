"""The key of a Voucher Authority is stolen: one of its certificates, and the key below that, are the attacker's.

The lab's own VA keeps its key, so that revoking the stolen one leaves the lab whole: the CA's root certifies a second.
"""

from testbed.scenarios import keys
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    keys.obtain(arena, arguments["tag"], arguments["of"], f"vas.{arguments['of']}.test", "va")


def _stop(arena: Arena, arguments: Arguments) -> None:
    keys.give_up(arena, arguments["tag"], arguments["of"])


MEAN = Mean(
    name="va-key",
    says="the attacker has a key that an authority's root certified for vouchers",
    parameters={"of": Parameter("host", "second"), "tag": Parameter("word", "va")},
    start=_start,
    stop=_stop,
)
