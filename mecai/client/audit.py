"""Audit (docs/spec S6): after some acceptances, one authority that nobody could prepare for is asked what it sees.

The connection does not wait for it, and its verdict stays. An authority that vouches as well agrees; one that sees
another certificate at that address, or calls one of the chain revoked, disagrees, which is a matter for a report; what
else it says, or does not, says nothing of the server.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from mecai.client.attempt import Attempt
from mecai.client.choosing import destination_of
from mecai.client.direct import Question, ask_one
from mecai.client.errands import Errands
from mecai.client.regional import regions_without
from mecai.client.tellable import Tellable
from mecai.client.verdict import Demand, Outcome, Verdict
from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.verify.rules import Policy, VerificationContext, judge_voucher
from mecai.service.deadline import Deadline
from mecai.service.printable import one_line

LOG: Final = logging.getLogger(__name__)
SECONDS: Final = 40.0  # for the one authority, which takes 30 at most (R4)
_CONTRADICTS: Final = ("certificate-mismatch", "revoked")
_OWN_FAULT: Final = "V8"  # a voucher for another certificate than the one that was asked about

Disagreed = Callable[[Attempt, Verdict], None]


@dataclass(frozen=True)
class Audited:
    """What the authority `by` made of an accepted connection; `agrees` is None where it said nothing of the server."""

    server_name: str | None
    by: str
    agrees: bool | None
    detail: str


class Auditor:
    """The audits of one client, by a thread of its errands; `heard`, if there is one, is told of each there."""

    def __init__(  # noqa: PLR0917 - what it depends on
        self, directory: Directory, may: Tellable, clock: Callable[[], datetime], draw: random.Random,
        errands: Errands, disagreed: Disagreed,
    ) -> None:  # fmt: skip
        self.heard: Callable[[Audited], object] | None = None
        self._directory, self._may, self._clock, self._draw = directory, may, clock, draw
        self._errands, self._disagreed = errands, disagreed

    def accepted(self, attempt: Attempt, verdict: Verdict, rules: Policy) -> None:
        """Have some of the acceptances audited that rest upon vouchers which the server sent; never waits."""
        sent = attempt.exchange.answer is not None and not verdict.facts.resumed
        if sent and verdict.vouched and self._draw.random() < attempt.policy.audit:
            self._errands.put(partial(self._audit, attempt, verdict, rules))

    def _audit(self, attempt: Attempt, verdict: Verdict, rules: Policy) -> None:
        demand = Demand(self._directory, rules, attempt.server_name, attempt.peer_address)
        question = Question(demand, verdict.facts, attempt.port, self._may)
        try:
            context = question.examined(self._clock())
            request = question.encode(context)
        except VerificationError as error:
            LOG.info("audit: %s: nobody is asked: %s", attempt.server_name, error.detail)
            return
        if (drawn := self._drawn(context, attempt, verdict)) is None:
            LOG.info("audit: %s: there is no authority besides the candidates that may be asked", attempt.server_name)
            return
        failure = _objection(drawn, request, context)
        agrees = None if failure and not _contradicts(failure) else failure is None
        self._note(attempt, verdict, Audited(attempt.server_name, drawn.name, agrees, str(failure or "")), failure)

    def _note(self, attempt: Attempt, verdict: Verdict, audited: Audited, failure: VerificationError | None) -> None:
        if failure and audited.agrees is False:
            LOG.warning("audit: %s: %s disagrees: %s", audited.server_name, audited.by, one_line(audited.detail))
            self._disagreed(attempt, replace(
                verdict, outcome=Outcome.WARNED, reason=failure.reason, rule=failure.rule, detail=failure.detail
            ))  # fmt: skip
        if self.heard:
            self.heard(audited)

    def _drawn(self, context: VerificationContext, attempt: Attempt, verdict: Verdict) -> Authority | None:
        """Draw one whose owner was not named, nor is the issuer's (V6), and that lies where somebody is wanted (S4)."""
        without = regions_without(attempt.policy.regional, destination_of(attempt.server_name, attempt.peer_address))
        known = self._directory.authorities
        owners = context.owners | {each.owner_group for each in known if each.authority in verdict.candidates}
        eligible = [
            each
            for each in known
            if each.servers
            and each.owner_group not in owners
            and each.region not in without
            and not self._directory.distrusted(each.roots, context.now)
        ]
        return self._draw.choice(eligible) if eligible else None


def _objection(authority: Authority, request: bytes, context: VerificationContext) -> VerificationError | None:
    """Ask, and judge what comes; returns why that is no good voucher, or None."""
    alone = replace(context, policy=replace(context.policy, candidates=(authority.authority,), quorum=1))
    try:
        judge_voucher(ask_one(authority, request, Deadline(SECONDS)), alone)
    except VerificationError as error:
        return error
    return None


def _contradicts(failure: VerificationError) -> bool:
    return failure.reason in _CONTRADICTS and failure.rule != _OWN_FAULT
