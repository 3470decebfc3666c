"""Anybody reads what was reported to a Voucher Authority (docs/spec F4), and looks for a certificate."""

import json

from testbed.scenarios import asking, hauls
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import Witness

TOLD, UNTOLD = "told", "untold"


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    wanted = hauls.fingerprint(arena, arguments["held_by"], arguments["tag"])
    feed = asking.look(arena, arguments["by"], arguments["of"], "/v1/reports?limit=100")
    found = [each for each in feed["reports"] if each["certificate"] == wanted]
    return Observed(TOLD if found else UNTOLD, "", "", json.dumps(found, indent=2))


WITNESS = Witness(
    name="reader",
    says="whoever reads the reports that a Voucher Authority was told",
    verdicts=(TOLD, UNTOLD),
    reasons=(),
    parameters={
        "by": Parameter("host", "client"),
        "of": Parameter("host", "second"),
        "tag": Parameter("word", "rogue"),
        "held_by": Parameter("host", "attacker"),
    },
    ask=_ask,
    on="by",
)
