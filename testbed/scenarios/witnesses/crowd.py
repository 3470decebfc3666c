"""Somebody asks a Voucher Authority again and again, for one certificate or for many; the last answer counts."""

from collections import Counter

from testbed.scenarios import asking, hauls
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.applicant import VERDICTS
from testbed.scenarios.witnesses.witness import Witness


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    by, tag, addresses = arguments["by"], arguments["tag"], arena.plan.addresses(arguments["address"])
    tags = [f"{tag}-{number}" if arguments["each"] else tag for number in range(arguments["times"])]
    chains = [hauls.chain(arena, by, one) for one in tags]
    answers = asking.vouchers(arena, by, arguments["of"], chains, addresses)
    counts = Counter(f"{each.verdict} {each.code}".strip() for each in answers)
    told = "\n".join(f"{count} times: {what}" for what, count in counts.items())
    return Observed(answers[-1].verdict, answers[-1].code, "", f"{told}\n{answers[-1].said}")


WITNESS = Witness(
    name="crowd",
    says="somebody who asks a Voucher Authority again and again",
    verdicts=VERDICTS,
    parameters={
        "of": Parameter("host", "second"),
        "by": Parameter("host", "attacker"),
        "tag": Parameter("word", "rogue"),
        "each": Parameter("word", "", ("", "another")),
        "address": Parameter("host", "attacker"),
        "times": Parameter("number", 8),
    },
    ask=_ask,
    on="by",
)
