"""What becomes of a refusal besides the refusal (docs/spec M3): reports, kept, perhaps asked about, and sent.

Nothing here changes a verdict or waits for anybody: a report is in the outbox when the refusal is said, and a thread
asks and sends. What an authority does not take is tried again, by whichever program of this client comes next.
"""

import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from mecai.client.choices import ASK
from mecai.client.errands import Errands
from mecai.client.outbox import Claim, Outbox
from mecai.client.report import report_name, report_of
from mecai.client.tellable import Tellable
from mecai.client.verdict import Verdict
from mecai.errors import InputError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.report import Report
from mecai.protocol.selection import Mode, candidates
from mecai.service.deadline import Deadline
from mecai.vrp.answers import RequestRefused
from mecai.vrp.tell import ToldInVain, tell

LOG: Final = logging.getLogger(__name__)
FIRST_PAUSE: Final = timedelta(minutes=1)  # before an authority is told again; twice as long after each time
LONGEST_PAUSE: Final = timedelta(hours=6)
_DOUBLED: Final = 10  # times at most
SECONDS: Final = 20.0  # for one authority
TAKEN: Final = "taken"
_DRAWN_FOR: Final = "report.invalid"  # RFC 6761; of a random draw the destination is no part

# Whether a report is to be sent, or None: nobody has decided, and it stays where it is.
Ask = Callable[[Report], bool | None]


@dataclass(frozen=True)
class Told:
    """What one authority made of one report; `again` is when it is told once more, or None."""

    report: str
    authority: str
    said: str
    again: datetime | None


class Reporter:
    """Reports of one client; `ask`, if there is one, is called in another thread for each that a person decides."""

    def __init__(  # noqa: PLR0917 - what it depends on
        self, path: Path, directory: Directory, may: Tellable, authorities: int, clock: Callable[[], datetime],
        draw: random.Random, errands: Errands,
    ) -> None:  # fmt: skip
        self.outbox, self.errands = Outbox(path), errands
        self.ask: Ask | None = None
        self._directory, self._may, self._authorities = directory, may, authorities
        self._clock, self._draw = clock, draw

    def resume(self) -> None:
        """Send what another program left; looking makes no file."""
        if self.outbox.path.exists():
            self.errands.put(self.send)

    def refused(self, verdict: Verdict, server_name: str | None, port: int | None, reporting: str) -> None:
        """Report a connection as a policy's `reporting` says, unless it is not to be told."""
        try:
            made = report_of(verdict, server_name, port, self._clock(), self._may)
        except InputError as error:
            LOG.info("%s", error)
        else:
            self.offer(made, reporting)

    def offer(self, made: Report, reporting: str) -> None:
        """Keep a report, and ask about it, or send it."""
        body = json.dumps(made.members()).encode()
        undecided = self.outbox.put(made, body, self._drawn(), self._clock(), held=reporting == ASK)
        if undecided is None:
            LOG.warning("report: %s takes no more of them", self.outbox.path)
        elif reporting != ASK:
            self.errands.put(self.send)
        elif undecided and self.ask is not None:
            self.errands.put(partial(self._decide, self.ask, made))

    def send(self) -> float | None:
        """Tell whom something is due for; returns the seconds until it is to be done again."""
        for told in self.tell_due(Deadline(SECONDS * self._authorities)):
            if told.said != TAKEN:
                LOG.warning("report %s: %s: %s", told.report, told.authority, told.said)
        now = self._clock()
        due = self.outbox.next_due(now)
        return max((due - now).total_seconds(), 1.0) if due else None

    def tell_due(self, deadline: Deadline) -> list[Told]:
        """Tell, one after the other, whom something is due for, as long as there is time for it."""
        done: list[Told] = []
        while deadline.left() and (claim := self.outbox.claim(self._clock())):
            done.append(self._tell(claim, deadline.within(SECONDS)))
        return done

    def _tell(self, claim: Claim, deadline: Deadline) -> Told:
        entry = self._directory.find(claim.authority)
        name = entry.name if entry else claim.authority.hex()
        if entry is None or not entry.servers:
            return self._settle(claim, name, "no directory lists a server of it any longer", None)
        try:
            tell(entry.servers, "v1/reports", "application/json", claim.body, deadline)
        except ToldInVain as error:
            return self._settle(claim, name, str(error), None)
        except RequestRefused as error:
            return self._settle(claim, name, str(error), error.retry or _pause(claim.tries))
        return self._settle(claim, name, TAKEN, None)

    def _settle(self, claim: Claim, name: str, said: str, pause: timedelta | None) -> Told:
        again = self._clock() + pause if pause else None
        self.outbox.settle(claim, said, again)
        return Told(claim.report, name, said, again)

    def _decide(self, ask: Ask, made: Report) -> None:
        if (decided := ask(made)) is None:
            return
        self.decide(report_name(made), send=decided)

    def decide(self, name: str, *, send: bool) -> None:
        """Send a report that waits for a person's word, or forget it; raises `InputError` or `HostError`."""
        if not send:
            self.outbox.drop(name, self._clock())
            return
        self.outbox.release(name, self._clock())
        self.errands.put(self.send)

    def _drawn(self) -> tuple[bytes, ...]:
        """Draw whom to tell: distinct owners, so that none alone can keep it to himself."""
        return candidates(
            self._directory, _DRAWN_FOR, self._clock(),
            key=b"", k=self._authorities, mode=Mode.RANDOM, random=self._draw,
        )  # fmt: skip


def _pause(tries: int) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(tries - 1, _DOUBLED)), LONGEST_PAUSE)
