"""What follows the verdicts of a client without anybody waiting for it: reports of refusals, audits of acceptances."""

import random
from collections.abc import Callable, Iterable
from datetime import datetime

from mecai.client.attempt import Attempt
from mecai.client.audit import Auditor
from mecai.client.choices import NEVER
from mecai.client.errands import Errands
from mecai.client.policy import ClientPolicy
from mecai.client.reporting import Reporter
from mecai.client.verdict import Outcome, Verdict
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.verify.rules import Policy


class Besides:
    """As the policy wants it, for all or for some domains; False where it wants nothing."""

    def __init__(
        self, policy: ClientPolicy, everywhere: Iterable[ClientPolicy], directory: Directory,
        clock: Callable[[], datetime], draw: random.Random,
    ) -> None:  # fmt: skip
        policies = tuple(everywhere)
        self.errands = Errands()
        self.reporter: Reporter | None = None
        self.auditor: Auditor | None = None
        if any(each.reporting != NEVER for each in policies):
            self.reporter = Reporter(
                policy.reports, directory, policy.tellable, policy.report_to, clock, draw, self.errands
            )
            self.reporter.resume()
        if any(each.audit for each in policies):
            self.auditor = Auditor(directory, policy.tellable, clock, draw, self.errands, self._report)

    def __bool__(self) -> bool:
        return bool(self.reporter or self.auditor)

    def follow(
        self, attempt: Attempt, verdict: Verdict, rules: Callable[[RequestExtension, ClientPolicy], Policy]
    ) -> None:
        """Do what a verdict leads to; `rules` returns those that an acceptance was judged by."""
        if verdict.outcome is Outcome.REFUSED:
            self._report(attempt, verdict)
        elif self.auditor and verdict.outcome is Outcome.ACCEPTED and attempt.extension:
            self.auditor.accepted(attempt, verdict, rules(attempt.extension, attempt.policy))

    def _report(self, attempt: Attempt, verdict: Verdict) -> None:
        if self.reporter and attempt.policy.reporting != NEVER:
            self.reporter.refused(verdict, attempt.server_name, attempt.port, attempt.policy.reporting)
