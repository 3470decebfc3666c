"""A client reports a certificate that it was shown to a Voucher Authority (docs/spec F1), once or at many addresses.

The last answer counts. The addresses are the lab's own, so that each report is another one.
"""

from collections import Counter
from datetime import UTC, datetime
from ipaddress import ip_address

from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import address_octets
from testbed.scenarios import asking, hauls
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import Witness

_PORT, _REASON = 443, "no-voucher"


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    first = ip_address(arena.plan.addresses(arguments["address"])[0])
    seen = [address_octets(str(first + number)) for number in range(arguments["times"])]
    chain, moment = hauls.chain(arena, arguments["held_by"], arguments["tag"]), datetime.now(UTC).replace(microsecond=0)
    reports = [Report(chain, each, _PORT, moment, Verdict.REFUSED, _REASON).members() for each in seen]
    answers = asking.tell(arena, arguments["by"], arguments["of"], "/v1/reports", reports)
    counts = Counter(f"{each.verdict} {each.code}".strip() for each in answers)
    told = "\n".join(f"{count} times: {what}" for what, count in counts.items())
    return Observed(answers[-1].verdict, answers[-1].code, "", f"{told}\n{answers[-1].said}")


WITNESS = Witness(
    name="reporter",
    says="a client that reports a certificate which it was shown",
    verdicts=(asking.ACCEPTED, asking.REFUSED),
    parameters={
        "by": Parameter("host", "client"),
        "of": Parameter("host", "second"),
        "tag": Parameter("word", "rogue"),
        "held_by": Parameter("host", "attacker"),
        "address": Parameter("host", "attacker"),
        "times": Parameter("number", 1),
    },
    ask=_ask,
    on="by",
)
