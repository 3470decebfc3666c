"""Whoever keeps the owner's mail counts what a Voucher Authority sent about one domain: so many mails, then digests."""

import json
from contextlib import suppress
from typing import Any

from mecai.errors import HostError
from testbed.machine import waiting
from testbed.machine.limits import LIMITS
from testbed.scenarios import authorities, loot, mailbox
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.victim import BOUNDED, UNBOUNDED
from testbed.scenarios.witnesses.witness import Witness

_SECONDS = LIMITS.mail_seconds
_NO_DIGEST, _NO_MAIL, _TOO_MANY = "no-digest", "no-mail", "too-many"
_ONE, _DIGEST = "certificate for ", "certificates for "  # how subjects begin (docs/spec H4)
_SEVERAL = " domains"  # in the subject of a digest about more than one, as where another had its mails of the day, too


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    mails = _arrived(arena, arguments)
    single, digests = ([mail for mail in mails if mail["subject"].startswith(word)] for word in (_ONE, _DIGEST))
    told = f"{len(single)} mails about one certificate, {len(digests)} digests\n{json.dumps(digests, indent=2)}"
    faults = {
        _NO_MAIL: not single,
        _TOO_MANY: len(single) > arguments["most"],
        _NO_DIGEST: not any(mail["signed"] for mail in digests),
    }
    reason = next((name for name, found in faults.items() if found), "")
    return Observed(UNBOUNDED if reason else BOUNDED, reason, "", told)


def _arrived(arena: Arena, arguments: Arguments) -> list[dict[str, Any]]:
    """Return what came from the authority about the domain, once a digest is there, or none came in time."""
    domain, found = arguments["name"].partition(".")[2], list[dict[str, Any]]()
    root = loot.get(arena, arguments["of"], authorities.ROOT).decode()

    def digested() -> bool:
        mails = [each for word in (domain, _SEVERAL) for each in mailbox.about(arena, arguments["at"], word, root)]
        found[:] = [mail for mail in mails if mailbox.is_from(mail, arguments["of"])]
        return any(mail["subject"].startswith(_DIGEST) for mail in found)

    with suppress(HostError):
        waiting.until(digested, _SECONDS, lambda: "no digest came", interval=1)
    return found


WITNESS = Witness(
    name="postmaster",
    says="whoever keeps the owner's mail, and counts what came about one domain",
    verdicts=(BOUNDED, UNBOUNDED),
    reasons=(_NO_DIGEST, _NO_MAIL, _TOO_MANY),
    parameters={
        "at": Parameter("host", "registrar"),
        "of": Parameter("host", "second"),
        "name": Parameter("name", "new-site"),
        "most": Parameter("number", 20),
    },
    ask=_ask,
    on="at",
)
