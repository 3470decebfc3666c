"""A Voucher Authority that was taken over signs what the attacker wants, for the certificate of a haul.

It bears the trust contexts that clients of a kind demand (`for`). With `signer`, a haul of `va-key`, the attacker signs
at home; `into` is the haul that gets the voucher, if another.
"""

import base64

from testbed.scenarios import authorities, kinds, loot, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_STATE = "/var/lib/mecai-vas-signer"


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, by, tag = arena.host("attacker").name, arguments["by"], arguments["tag"]
    chain = loot.get(arena, attacker, loot.path(tag, "chain.pem"))
    signer = arguments["signer"]
    state = loot.path(signer) if signer else _STATE
    voucher = tools.run(
        arena,
        attacker if signer else by,
        "forge_voucher",
        chain=chain.decode(),
        trust=loot.get(arena, arguments["issuer"], authorities.ROOT).decode(),
        claims=loot.get(arena, arguments["claims"] or by, authorities.ROOT).decode(),
        addresses=arena.plan.addresses(arguments["address"]),
        contexts=kinds.settings(arena, arguments["for"])["contexts"],
        fault=arguments["fault"],
        key=f"{state}/key.pem",
        certificate=f"{state}/{'chain' if signer else 'certificate'}.pem",
        root=f"{state}/issuer.pem" if signer else authorities.ROOT,
    )
    loot.put(arena, attacker, arguments["into"] or tag, f"vouchers/{by}.der", base64.b64decode(voucher))


MEAN = Mean(
    name="forged-voucher",
    says="a Voucher Authority that was taken over vouches for a certificate of the attacker's",
    parameters={
        "by": Parameter("host", "rogue"),
        "issuer": Parameter("host", "rogue"),
        "tag": Parameter("word", "rogue"),
        "address": Parameter("host", "attacker"),
        "claims": Parameter("host", ""),
        "for": Parameter("word", kinds.STICKY, tuple(kinds.KINDS)),
        "signer": Parameter("word", ""),
        "into": Parameter("word", ""),
        "fault": Parameter("word", "", ("expired", "future", "truncated", "wrong-key")),
    },
    start=_start,
)
