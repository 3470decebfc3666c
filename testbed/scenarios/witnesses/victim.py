"""A victim counts the connections that a Voucher Authority began with it, since it is watched (`watch`)."""

import json
import re

from mecai.errors import HostError
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.hosts import must
from testbed.scenarios.means import watch
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import Witness

BOUNDED, UNBOUNDED = "bounded", "unbounded"
_COUNTED = re.compile(r"counter packets (\d+)")


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    listed = must(arena.run, arguments["at"], ["nft", "list", "table", "inet", watch.TABLE])
    counted = [int(number) for number in _COUNTED.findall(listed)]
    if not counted:
        raise HostError(f"{arguments['at']}: nothing is counted: a step before must watch it")
    began = sum(counted)
    if began < arguments["least"]:
        raise HostError(
            f"{arguments['at']}: {began} connections, expected {arguments['least']} at least: it is not watched"
        )
    answer = json.dumps({"connections": began, "most": arguments["most"]})
    return Observed(BOUNDED if began <= arguments["most"] else UNBOUNDED, "", "", answer)


WITNESS = Witness(
    name="victim",
    says="a host at which others aim a Voucher Authority; it counts what reaches it",
    verdicts=(BOUNDED, UNBOUNDED),
    reasons=(),
    parameters={"at": Parameter("host", "server"), "least": Parameter("number", 0), "most": Parameter("number", 0)},
    ask=_ask,
    on="at",
)
