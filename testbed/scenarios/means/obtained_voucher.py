"""The attacker asks a Voucher Authority for a voucher, as any server may: it probes, and finds what it is told.

It is the honest protocol, with `mecai voucher request`; what the authority sees decides.
"""

from testbed.scenarios import loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_LISTED = ["--directory", "/etc/mecai/directory.der", "--publishers", "/etc/mecai/publishers.pem"]


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, tag, authority = arena.host("attacker").name, arguments["tag"], arguments["of"]
    addresses = [word for each in arena.plan.addresses(arguments["address"]) for word in ("--address", each)]
    must(arena.run, attacker, ["mkdir", "-p", loot.path(tag, "vouchers")])
    question = ["--chain", loot.path(tag, "chain.pem"), *addresses, "--authority", authority]
    out = ["--out", loot.path(tag, f"vouchers/{authority}.der")]
    must(arena.run, attacker, ["mecai", "voucher", "request", *_LISTED, *question, *out])


MEAN = Mean(
    name="obtained-voucher",
    says="a Voucher Authority vouches, by the honest protocol, for a certificate of the attacker's",
    parameters={
        "of": Parameter("host"),
        "tag": Parameter("word", "rogue"),
        "address": Parameter("host", "attacker"),
    },
    start=_start,
)
