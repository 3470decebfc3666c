"""Whoever counts the visits of a means (`visitors`) since he was asked last: what became of the handshakes, and of all.

A handshake that failed counts always, whenever it was; verdicts may count only of visits that begin once he is asked.
"""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

from mecai.errors import HostError
from testbed.machine import waiting
from testbed.machine.limits import LIMITS
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.hosts import must
from testbed.scenarios.means import visitors
from testbed.scenarios.means.mean import Arguments, Parameter
from testbed.scenarios.witnesses.witness import Witness

ACCEPTED, REFUSED, BROKEN = "accepted", "refused", "broken"
_CLIENTS = ("stock", "demanding")
_ALWAYS, _AFTERWARDS = "always", "afterwards"
_NO_VOUCHER, _TOO_FEW, _FAILED = "no-voucher", "too-few", "handshake-failed"
_FILE = f"{visitors.FOLDER}/visits"
_READ = 'cat "$1" 2>/dev/null; date +%s.%N'
_TAKE = 'mv "$1" "$1.counted" && exec cat "$1.counted"'

Visit = dict[str, Any]


def _ask(arena: Arena, arguments: Arguments) -> Observed:
    on = arguments["on"]
    _, moment = _seen(arena, on)
    since = moment if arguments["counts"] == _AFTERWARDS else 0.0
    with suppress(HostError):  # too few are told below
        waiting.until(
            lambda: _enough(_since(_seen(arena, on)[0], since), arguments["least"]),
            LIMITS.measured_seconds,
            lambda: "too few visits",
            interval=1,
        )
    visits = _visits(must(arena.run, on, ["sh", "-c", _TAKE, "sh", _FILE]))
    verdict, reason = judged(visits, since, arguments["least"])
    return Observed(verdict, reason, "", json.dumps(_told(visits, since), indent=2))


def judged(visits: list[Visit], since: float, least: int) -> tuple[str, str]:
    """Return verdict and reason of visits: all handshakes count, verdicts of those that began `since` then."""
    later = _since(visits, since)
    if any(visit["outcome"] == BROKEN for visit in visits):
        return BROKEN, _FAILED
    if not _enough(later, least):
        return BROKEN, _TOO_FEW
    if refused := next((visit for visit in later if visit["outcome"] == REFUSED), None):
        return REFUSED, refused["reason"]
    if any(visit["client"] == "demanding" and not visit["vouchers"] for visit in later):
        return BROKEN, _NO_VOUCHER
    return ACCEPTED, ""


def _told(visits: list[Visit], since: float) -> dict[str, Any]:
    """Return what the evidence says: counts, the slowest visit, and each handshake that failed."""
    later = _since(visits, since)
    return {
        "handshakes": Counter(visit["client"] for visit in visits),
        "failed": [visit for visit in visits if visit["outcome"] == BROKEN],
        "verdicts": Counter(f"{each['client']}: {each['outcome']} {each['reason']}".rstrip() for each in later),
        "fewest_vouchers": min((each["vouchers"] for each in later if each["client"] == "demanding"), default=0),
        "slowest_seconds": max((visit["seconds"] for visit in visits), default=0),
    }


def _since(visits: list[Visit], since: float) -> list[Visit]:
    return [visit for visit in visits if visit["began"] >= since]


def _enough(visits: list[Visit], least: int) -> bool:
    counts = Counter(visit["client"] for visit in visits)
    return all(counts[client] >= least for client in _CLIENTS)


def _seen(arena: Arena, host: str) -> tuple[list[Visit], float]:
    """Return the visits so far, and the time on their host."""
    *lines, moment = must(arena.run, host, ["sh", "-c", _READ, "sh", _FILE]).splitlines()
    return _visits("\n".join(lines)), float(moment)


def _visits(lines: str) -> list[Visit]:
    return [json.loads(line) for line in lines.splitlines()]


WITNESS = Witness(
    name="visitor",
    says="whoever counts what became of the visits of clients that come without a pause",
    verdicts=(ACCEPTED, REFUSED, BROKEN),
    reasons=("distrusted", _NO_VOUCHER, _TOO_FEW, _FAILED),
    parameters={
        "on": Parameter("host", "client"),
        "counts": Parameter("word", _ALWAYS, (_ALWAYS, _AFTERWARDS)),
        "least": Parameter("number", 10),
    },
    ask=_ask,
    on="on",
)
