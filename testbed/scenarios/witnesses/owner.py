"""The owner of a domain looks for a Voucher Authority's mail about a certificate, and has openssl verify its signature.

A worker sends it a while after the certificate was seen, so he looks more than once. What his filter knows as ordered
by himself is not put before him.
"""

import json
from typing import Any

from mecai.errors import HostError
from testbed.machine import waiting
from testbed.machine.limits import LIMITS
from testbed.scenarios import authorities, hauls, loot, mailbox
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.reader import TOLD, UNTOLD
from testbed.scenarios.witnesses.witness import Witness

_SECONDS = LIMITS.mail_seconds
_UNSIGNED, _FILED = "bad-signature", "filed"


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    wanted = hauls.fingerprint(arena, arguments["held_by"], arguments["tag"])
    root = loot.get(arena, arguments["of"], authorities.ROOT).decode()

    def arrived() -> list[dict[str, Any]] | None:
        found = mailbox.about(arena, arguments["at"], wanted, root)
        return [mail for mail in found if mailbox.is_from(mail, arguments["of"])] or None

    try:
        found = waiting.until(arrived, _SECONDS, lambda: "no mail came", interval=1)
    except HostError as error:
        return Observed(UNTOLD, "", "", str(error))
    reason = "" if all(mail["signed"] for mail in found) else _UNSIGNED
    reason = reason or ("" if any(not mail["folder"] for mail in found) else _FILED)
    return Observed(UNTOLD if reason else TOLD, reason, "", json.dumps(found, indent=2))


WITNESS = Witness(
    name="owner",
    says="the owner of the domain, before whom a signed mail about the certificate lies",
    verdicts=(TOLD, UNTOLD),
    reasons=(_UNSIGNED, _FILED),
    parameters={
        "at": Parameter("host", "registrar"),
        "of": Parameter("host", "second"),
        "tag": Parameter("word", "rogue"),
        "held_by": Parameter("host", "attacker"),
    },
    ask=_ask,
    on="at",
)
