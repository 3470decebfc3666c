"""Somebody objects to a certificate for a domain (docs/spec H9); whether it is his the DNS must say, see `proof`."""

from testbed.scenarios import asking, hauls
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import Witness


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    certificate = hauls.fingerprint(arena, arguments["held_by"], arguments["tag"])
    objection = {"certificate": certificate, "domain": arguments["name"]}
    [answer] = asking.tell(arena, arguments["by"], arguments["of"], "/v1/complaints", [objection])
    return Observed(answer.verdict, answer.code, "", answer.said)


WITNESS = Witness(
    name="objector",
    says="somebody who objects to a certificate, and says that its domain is his",
    verdicts=(asking.ACCEPTED, asking.REFUSED),
    parameters={
        "by": Parameter("host", "registrar"),
        "of": Parameter("host", "second"),
        "name": Parameter("name", "new-site"),
        "tag": Parameter("word", "rogue"),
        "held_by": Parameter("host", "attacker"),
    },
    ask=_ask,
    on="by",
)
