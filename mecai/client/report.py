"""What may be told a VA of a connection (docs/spec M3, F1). It is made here; `mecai.client.reporting` sends it."""

from datetime import datetime
from typing import Final

from mecai.client.tellable import Tellable
from mecai.client.verdict import Outcome, Verdict
from mecai.errors import InputError, VerificationError
from mecai.protocol.objects import report
from mecai.protocol.objects.report import Report
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import address_text, hash_of, sha256

_NAME: Final = 8  # octets of the hash by which a report is named


def report_of(verdict: Verdict, server_name: str | None, port: int | None, now: datetime, may: Tellable) -> Report:
    """Return the report of a connection that was judged; raises `InputError` where there is nothing to report.

    What a private network shows is nobody else's matter (docs/spec, section 14), nor what an address or a name shows
    that is not public, as `may` says. No name and no path of a URL is in it.
    """
    if verdict.intranet:
        raise InputError("report: what a server of a private network shows is not reported")
    if port is None:
        raise InputError("report: the server's port is not known")
    try:
        chain = tuple(map(certificates.load, verdict.facts.chain))
        address = may.check(server_name, verdict.peer_address, chain)
        reason = None if verdict.outcome is Outcome.ACCEPTED else verdict.reason
        return Report(chain, address, port, now, report.Verdict(verdict.outcome), reason)
    except VerificationError as error:
        raise InputError(f"report: {error.detail}") from error
    except InputError as error:
        raise InputError(f"report: {error}") from error


def report_name(made: Report) -> str:
    """Return how a report is named on this machine: one name for what a VA takes as one (docs/spec, F2)."""
    what = f"{address_text(made.address)} {made.time:%Y-%m-%d}".encode()
    return sha256(hash_of(made.chain[0]) + what)[:_NAME].hex()
