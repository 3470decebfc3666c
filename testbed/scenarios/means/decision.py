"""The operator of a Voucher Authority decides on the objections to a certificate (`mecai vas dispute resolve`)."""

from testbed.scenarios import hauls, vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    named = hauls.fingerprint(arena, arguments["held_by"], arguments["tag"])
    why = ["--reason", "the domain's owner knows nothing of it"]
    vas.operate(arena, arguments["of"], ["dispute", "resolve", named, f"--{arguments['be']}", *why])


MEAN = Mean(
    name="decision",
    says="the operator of a Voucher Authority upholds or dismisses the objections to a certificate",
    parameters={
        "of": Parameter("host", "second"),
        "tag": Parameter("word", "rogue"),
        "held_by": Parameter("host", "attacker"),
        "be": Parameter("word", "uphold", ("uphold", "dismiss")),
    },
    start=_start,
)
