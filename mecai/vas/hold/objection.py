"""Objection (docs/spec H9): the owner of a domain says that a certificate for it is not his.

He proves that the domain is his by a TXT record at `_mecai-complaint.DOMAIN` that holds the certificate's SHA-256 in
hexadecimal, for a quorum of this VAS and its agents: whoever lies to one of them can neither object in the owner's
place nor keep him from it (ADR 0044). Nothing else about him is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mecai.errors import HostError
from mecai.probing.lookups import Look, Records, RecordType
from mecai.probing.quorum import Perspective
from mecai.probing.views import Views
from mecai.protocol.pki.names import dns_names
from mecai.service.deadline import Deadline
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.complaints import Complaint, ComplaintLog, Objection

LABEL: Final = "_mecai-complaint"
SECONDS: Final = 10.0  # for the DNS


@dataclass(frozen=True)
class Objections:
    """The way of an objection into the log."""

    certificates: CertificateLog
    complaints: ComplaintLog
    views: Views

    def accept(self, objection: Objection, now: datetime, deadline: Deadline) -> Complaint:
        """Log an objection of a domain's owner; raises `Refusal` (unknown-certificate, not-proved, unreachable)."""
        domain = objection.domain
        logged = self.certificates.find(objection.certificate_hash)
        if logged is None:
            raise Refusal(Code.UNKNOWN_CERTIFICATE, "certificate: is not in this VA's log")
        if domain not in {name.lower().removeprefix("*.") for name in dns_names(logged.chain[0])}:
            raise Refusal(Code.UNKNOWN_CERTIFICATE, f"domain: the certificate is not for {domain!r}")
        self._require_proof(objection.certificate_hash, f"{LABEL}.{domain}", deadline)
        return self.complaints.keep(objection, now)

    def _require_proof(self, certificate_hash: bytes, name: str, deadline: Deadline) -> None:
        expected = certificate_hash.hex()

        def look_up(look: Look) -> Records:
            return look(name, RecordType.TXT, deadline.within(SECONDS))

        try:
            found = self.views.ask(look_up, lambda records: _holds(records, expected))
        except HostError as error:
            raise Refusal(Code.UNREACHABLE, f"domain: the DNS does not say what {name} is", cause=str(error)) from error
        proved = [place for place, records in found.items() if _holds(records, expected)]
        if not self.views.are_enough(proved):
            raise Refusal(Code.NOT_PROVED, f"domain: expected TXT {expected} at {name}, seen {_seen(found, proved)}")


def _holds(records: Records, expected: str) -> bool:
    return any(text.strip().lower() == expected.encode() for _, text in records)


def _seen(found: Mapping[Perspective, Records], proved: Sequence[Perspective]) -> str:
    """Say what was there instead, and how many saw the proof, where some did: not who."""
    if proved:
        return f"so by {len(proved)} of {len(found)} perspectives, which is no quorum"
    count = max(map(len, found.values()))
    return f"{count} TXT records, none of them that" if count else "no TXT record"
