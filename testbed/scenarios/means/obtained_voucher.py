"""The attacker asks a Voucher Authority for a voucher, as any server may: it probes, and finds what it is told.

It is the honest protocol, with `mecai voucher request`; what the authority sees decides. `answer` is a refusal that it
must give, in the codes of docs/spec, section 4; the haul then gets nothing.
"""

from mecai.errors import HostError
from testbed.scenarios import asking, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, tag, authority = arena.host("attacker").name, arguments["tag"], arguments["of"]
    addresses = arena.plan.addresses(arguments["address"])
    must(arena.run, attacker, ["mkdir", "-p", loot.path(tag, "vouchers")])
    out = ["--out", loot.path(tag, f"vouchers/{authority}.der")]
    answer = asking.voucher(arena, attacker, authority, loot.path(tag, "chain.pem"), addresses, *out)
    if answer.code != arguments["answer"] or answer.verdict == asking.HELD:
        expected = f"the answer {arguments['answer']}" if arguments["answer"] else "a voucher"
        seen = "a voucher" if answer.verdict == asking.ACCEPTED else answer.said
        raise HostError(f"{authority}: expected {expected}, saw {seen}")


MEAN = Mean(
    name="obtained-voucher",
    says="a Voucher Authority vouches, by the honest protocol, for a certificate of the attacker's",
    parameters={
        "of": Parameter("host"),
        "tag": Parameter("word", "rogue"),
        "address": Parameter("host", "attacker"),
        "answer": Parameter("word", ""),
    },
    start=_start,
)
