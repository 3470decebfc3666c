"""Somebody asks a Voucher Authority for a voucher, as any server may: for a haul's certificate, at a host's addresses.

While it is held he may ask again, as sidecars do, for so many seconds (`waits`). A voucher without the context that
he needs (`context`) is none to him.
"""

import json
from dataclasses import replace

from mecai.errors import HostError
from testbed.machine import waiting
from testbed.scenarios import asking, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.asking import Answered
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import REFUSALS, Witness

_INTERVAL = 1  # seconds between two questions of somebody who waits
NO_CONTEXT = "context-missing"
VERDICTS = (asking.ACCEPTED, asking.HELD, asking.REFUSED)
PARAMETERS = {
    "of": Parameter("host", "second"),
    "by": Parameter("host", "attacker"),
    "tag": Parameter("word", "rogue"),
    "address": Parameter("host", "attacker"),
    "port": Parameter("number", 443),
    "succession": Parameter("word", "", ("", "stated")),
    "waits": Parameter("number", 0),
    "context": Parameter("word", ""),
}


def ask(arena: Arena, arguments: Arguments) -> Observed:
    """Ask, and again while the certificate is held and the time is not over."""
    seen = [_once(arena, arguments)]

    def told() -> Answered | None:
        seen.append(_once(arena, arguments))
        return None if seen[-1].verdict == asking.HELD else seen[-1]

    if seen[-1].verdict == asking.HELD and arguments["waits"]:
        try:
            waiting.until(told, arguments["waits"], lambda: "it is still held", interval=_INTERVAL)
        except HostError as error:
            seen.append(replace(seen[-1], said=f"{seen[-1].said}; {error}"))
    return Observed(seen[-1].verdict, seen[-1].code, "", "\n".join(dict.fromkeys(each.said for each in seen)))


def _once(arena: Arena, arguments: Arguments) -> Answered:
    by, tag = arguments["by"], arguments["tag"]
    statement = ["--succession", loot.path(tag, "succession.der")] if arguments["succession"] else []
    more = ["--port", str(arguments["port"]), *statement]
    addresses = arena.plan.addresses(arguments["address"])
    answer = asking.voucher(arena, by, arguments["of"], asking.chain_of(arena, by, tag), addresses, *more)
    return answer if _serves(answer, arguments["context"]) else replace(answer, verdict=asking.REFUSED, code=NO_CONTEXT)


def _serves(answer: Answered, context: str) -> bool:
    return answer.verdict != asking.ACCEPTED or not context or context in json.loads(answer.said)["trustContexts"]


WITNESS = Witness(
    name="applicant",
    says="somebody who asks a Voucher Authority for a voucher",
    verdicts=VERDICTS,
    parameters=PARAMETERS,
    ask=ask,
    reasons=(*REFUSALS, NO_CONTEXT),
    on="by",
)
