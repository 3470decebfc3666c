"""The key of a Voucher Authority is stolen: one of its certificates, and the key below that, are the attacker's.

The lab's own VA keeps its key, so that revoking the stolen one leaves the lab whole: the CA's root certifies a second.
"""

from testbed.scenarios import authorities, loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter
from testbed.scenarios.means.rogue_certificate import MAKE_KEY, left


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, tag, by = arena.host("attacker").name, arguments["tag"], arguments["of"]
    request = must(arena.run, attacker, ["sh", "-c", MAKE_KEY, "sh", loot.path(tag), f"vas.{by}.test"])
    chain = authorities.issue(arena, by, request, f"vas.{by}.test", profile="va")
    loot.put(arena, attacker, tag, "chain.pem", chain.encode())
    loot.put(arena, attacker, tag, "issuer.pem", loot.get(arena, by, authorities.ROOT))


def _stop(arena: Arena, arguments: Arguments) -> None:
    attacker, tag = arena.host("attacker").name, arguments["tag"]
    if certificate := left(arena, attacker, loot.path(tag, "chain.pem")):
        authorities.revoke(arena, arguments["of"], certificate)
    loot.drop(arena, attacker, tag)


MEAN = Mean(
    name="va-key",
    says="the attacker has a key that an authority's root certified for vouchers",
    parameters={"of": Parameter("host", "second"), "tag": Parameter("word", "va")},
    start=_start,
    stop=_stop,
)
