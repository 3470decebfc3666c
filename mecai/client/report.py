"""What a person may tell a VA of a connection (docs/spec M3, F1). It is made; nothing here sends it."""

from datetime import datetime

from mecai.client.verdict import Outcome, Verdict
from mecai.errors import InputError, VerificationError
from mecai.net.addresses import AddressPolicy
from mecai.protocol.objects import report
from mecai.protocol.objects.report import Report
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import address_octets
from mecai.service.settings import Network


def report_of(verdict: Verdict, port: int, now: datetime, allowed: tuple[Network, ...] = ()) -> Report:
    """Return the report of a connection that was judged; raises `InputError` where there is nothing to report.

    What a private network shows is nobody else's matter (docs/spec, section 14), nor what an address shows that is not
    public (P3), unless it is in one of the networks `allowed`.
    """
    if verdict.intranet:
        raise InputError("report: what a server of a private network shows is not reported")
    if verdict.peer_address is None:
        raise InputError("report: the server's address is not known")
    try:
        return _report(verdict, _public(verdict.peer_address, allowed), port, now)
    except VerificationError as error:
        raise InputError(f"report: {error.detail}") from error


def _public(address: str, allowed: tuple[Network, ...]) -> bytes:
    octets = address_octets(address)
    AddressPolicy(allowed).check(octets)
    return octets


def _report(verdict: Verdict, address: bytes, port: int, now: datetime) -> Report:
    chain = tuple(map(certificates.load, verdict.facts.chain))
    reason = None if verdict.outcome is Outcome.ACCEPTED else verdict.reason
    return Report(chain, address, port, now, report.Verdict(verdict.outcome), reason)
