"""A Voucher Authority that was taken over signs what the attacker wants, for the certificate of a haul."""

import base64

from testbed.scenarios import loot, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_STATE = "/var/lib/mecai-vas"
_ROOT = "/var/lib/mecai-ca-public/root.pem"


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, by, tag = arena.host("attacker").name, arguments["by"], arguments["tag"]
    chain = loot.get(arena, attacker, loot.path(tag, "chain.pem"))
    voucher = tools.run(
        arena,
        by,
        "forge_voucher",
        chain=chain.decode(),
        trust=loot.get(arena, arguments["issuer"], _ROOT).decode(),
        claims=loot.get(arena, arguments["claims"] or by, _ROOT).decode(),
        addresses=arena.plan.addresses(arguments["address"]),
        contexts=["MOZ"],
        fault=arguments["fault"],
        key=f"{_STATE}/key.pem",
        certificate=f"{_STATE}/certificate.pem",
        root=_ROOT,
    )
    loot.put(arena, attacker, tag, f"vouchers/{by}.der", base64.b64decode(voucher))


MEAN = Mean(
    name="forged-voucher",
    says="a Voucher Authority that was taken over vouches for a certificate of the attacker's",
    parameters={
        "by": Parameter("host", "rogue"),
        "issuer": Parameter("host", "rogue"),
        "tag": Parameter("word", "rogue"),
        "address": Parameter("host", "attacker"),
        "claims": Parameter("host", ""),
        "fault": Parameter("word", "", ("expired", "future", "truncated", "wrong-key")),
    },
    start=_start,
)
