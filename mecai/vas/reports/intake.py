"""What comes in: reports of clients, and reports and incident notices of other VAs (docs/spec F1 to F3, F6, F7)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from mecai.errors import VerificationError
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.incident import parse_incident
from mecai.protocol.objects.report import Report, parse_passed_on, parse_report
from mecai.protocol.pki.path import validate_chain
from mecai.vas.refusal import Code, Refusal, from_verdict
from mecai.vas.reports.authorship import Authorship
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.storage.reports import ReportLog
from mecai.vas.trust.directories import Directories


@dataclass(frozen=True)
class Intake:
    """The way into the logs; `charge` counts a report by the client's address.

    `addresses` are those of which everybody may be told: a private network's are not (docs/spec P3).
    """

    directories: Directories
    authorship: Authorship
    reports: ReportLog
    incidents: IncidentLog
    charge: Callable[[str], None]
    addresses: AddressPolicy

    def report(self, content: bytes, reporter: str, now: datetime) -> Report:
        """Store what a client tells, JSON; raises `Refusal` (malformed, untrusted, too-many-requests)."""
        try:
            report = parse_report(content)
        except VerificationError as error:
            raise from_verdict(error) from error
        if not now - LIMITS.report_age <= report.time <= now + LIMITS.clock_skew:
            raise Refusal(Code.MALFORMED, f"report.time: expected the last {LIMITS.report_age}, by this VA's clock")
        self._require_public(report)
        self.charge(reporter)
        report = self._anchored(report, now)
        self.reports.keep(report, now, reporter=reporter)
        return report

    def passed_on(self, encoded: bytes, now: datetime) -> Report:
        """Store what another VA passes on, DER; it goes no further (F3). Raises `Refusal` as `report`."""
        try:
            signed = parse_passed_on(encoded)
            said = signed.statement
            authority = self.authorship.require(signed.signed, said.authority, said.report.time, now)
        except VerificationError as error:
            raise from_verdict(error) from error
        self._require_public(said.report)
        report = self._anchored(said.report, now)
        self.reports.keep(report, now, authority=authority.authority)
        return report

    def incident(self, encoded: bytes, now: datetime) -> bytes:
        """Store another VA's notice, DER, and return by which hash; raises `Refusal` (malformed, untrusted)."""
        try:
            signed = parse_incident(encoded)
            incident = signed.statement
            self.authorship.require(signed.signed, incident.authority, incident.time, now)
        except VerificationError as error:
            raise from_verdict(error) from error
        return self.incidents.keep(incident, encoded, now)

    def _require_public(self, report: Report) -> None:
        try:
            self.addresses.check(report.address)
        except AddressRefused as error:
            raise Refusal(Code.MALFORMED, f"report.address: {error.detail}") from error

    def _anchored(self, report: Report, now: datetime) -> Report:
        """Leave of the chain what leads to a root of a directory, as it was when the client saw it; raises `Refusal`.

        What a reporter made up besides is neither worked with nor kept.
        """
        refusal = ""
        for directory in self.directories.in_force(now):
            try:
                issuers = directory.anchored(report.chain[1:])
                path = validate_chain(report.chain[0], issuers, directory.anchors, None, report.time)
            except VerificationError as error:
                refusal = error.detail
            else:
                return replace(report, chain=_without_root(path))
        raise Refusal(Code.UNTRUSTED, f"report.chain: {refusal}")


def _without_root(path: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    return tuple(path[:-1])
