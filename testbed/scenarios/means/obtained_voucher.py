"""The attacker asks a Voucher Authority for a voucher, as any server may: it probes, and finds what it is told.

It is the honest protocol, with `mecai voucher request`; what the authority sees decides. `answer` is a refusal that it
must give, in the codes of docs/spec, section 4; the haul then gets nothing.
"""

from mecai.errors import HostError
from testbed.scenarios import loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import Completed, must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_LISTED = ["--directory", "/etc/mecai/directory.der", "--publishers", "/etc/mecai/publishers.pem"]


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, tag, authority = arena.host("attacker").name, arguments["tag"], arguments["of"]
    addresses = [word for each in arena.plan.addresses(arguments["address"]) for word in ("--address", each)]
    must(arena.run, attacker, ["mkdir", "-p", loot.path(tag, "vouchers")])
    question = ["--chain", loot.path(tag, "chain.pem"), *addresses, "--authority", authority]
    out = ["--out", loot.path(tag, f"vouchers/{authority}.der")]
    command = ["mecai", "voucher", "request", *_LISTED, *question, *out]
    if refusal := arguments["answer"]:
        _refused(arena.run(attacker, command, ""), authority, refusal)
    else:
        must(arena.run, attacker, command)


def _refused(done: Completed, authority: str, refusal: str) -> None:
    """Raise `HostError` unless the authority gave this answer."""
    said = done.stderr.strip()
    if done.returncode != 1 or f": {refusal}: " not in said:
        raise HostError(f"{authority}: expected the answer {refusal}, saw {said or 'a voucher'}")


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
