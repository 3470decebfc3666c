"""The operator of a server with a slot (`certificate-slot`) turns it, or looks whether all is there to be stapled.

With `refresh` all that is wanted is asked for, not only looked for. Where vouchers are missing he tries again, as a
timer does, for so many seconds (`waits`).
"""

from contextlib import suppress
from typing import Final

from mecai.errors import HostError
from testbed.machine import waiting
from testbed.scenarios import slots
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.hosts import Completed
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import Witness

READY, LACKING, LIVE, KEPT = "ready", "lacking", "live", "kept"
_LOOKS: Final = ("status", "refresh")
_TURNS: Final = ("promote", "failover")
_INTERVAL: Final = 5  # seconds between two tries


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    tries = [_once(arena, arguments)]

    def done() -> bool:
        tries.append(_once(arena, arguments))
        return tries[-1].returncode == 0

    if tries[-1].returncode and arguments["waits"]:
        with suppress(HostError):  # it stays as it is
            waiting.until(done, arguments["waits"], lambda: "not yet", interval=_INTERVAL)
    good, bad = (READY, LACKING) if arguments["does"] in _LOOKS else (LIVE, KEPT)
    said = "\n".join(dict.fromkeys(each.stdout + each.stderr for each in tries))
    return Observed(bad if tries[-1].returncode else good, "", "", f"{len(tries)} tries\n{said}")


def _once(arena: Arena, arguments: Arguments) -> Completed:
    """Try once; raises `HostError` for what is neither done nor kept for want of vouchers."""
    at, does = arguments["at"], arguments["does"]
    turns = does in _TURNS
    options = (slots.path(arguments["slot"]), *slots.RELOAD) if turns else ("--format", "json")
    done = arena.run(at, ["mecai", "sidecar", does, *options], "")
    if done.returncode not in {0, 1} or (turns and done.returncode == 0 and "is live" not in done.stdout):
        raise HostError(f"{at}: mecai sidecar {does}: exit code {done.returncode}: {done.stderr.strip() or 'nothing'}")
    return done


WITNESS = Witness(
    name="operator",
    says="the operator of a server with a slot, who turns it as soon as it has the vouchers",
    verdicts=(READY, LACKING, LIVE, KEPT),
    reasons=(),
    parameters={
        "at": Parameter("host", "server"),
        "slot": Parameter("word", "first"),
        "does": Parameter("word", _LOOKS[0], (*_LOOKS, *_TURNS)),
        "waits": Parameter("number", 0),
    },
    ask=_ask,
    on="at",
)
