"""One connection and how it was judged, as the document that `mecai client` shows, in each of its formats."""

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mecai.client.context import VoucherContext
from mecai.client.explain import RULES
from mecai.client.fetch import JudgedConnection, Page
from mecai.client.request import Destination
from mecai.client.verdict import Outcome, Verdict
from mecai.errors import MecaiError, VerificationError
from mecai.net.dial import Unreachable
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.status_evidence import StatusEvidence
from mecai.protocol.pki.identity import certificate_hash
from mecai.protocol.verify.connection import Vouched
from mecai.protocol.verify.intranet import RULE

if TYPE_CHECKING:
    from mecai.client.intranet import Proof

Document = dict[str, Any]


def document_of(destination: Destination, connection: JudgedConnection, context: VoucherContext) -> Document:
    """Say everything about one judged connection."""
    timings = {name: round(1000 * seconds, 3) for name, seconds in dataclasses.asdict(connection.timings).items()}
    return verdict_document(destination, connection.verdict, context) | {"timings": timings}


def verdict_document(destination: Destination, verdict: Verdict, context: VoucherContext) -> Document:
    """Say how a connection was judged, and what it showed."""
    return {
        "verdict": verdict.outcome.value,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "detail": verdict.detail or None,
        "url": destination.url,
        "address": verdict.peer_address,
        "policy": _policy_word(intranet=verdict.intranet),
        "vouchers": [_voucher_document(vouched) for vouched in verdict.vouched],
        "candidates": [_name_document(context.directory, candidate) for candidate in verdict.candidates],
        "asked": [_name_document(context.directory, each) for each in verdict.asked],
        "proofs": [_proof_document(proof) for proof in verdict.grounds.proofs],
        "checked": _checked(verdict, context),
        "resumed": _time(verdict.grounds.resumed) if verdict.grounds.resumed else None,
        "tls": _tls_document(verdict),
    }


def failure_document(destination: Destination, error: MecaiError, *, intranet: bool = False) -> Document:
    """Say why no connection came to be judged."""
    reason = error.reason if isinstance(error, VerificationError | Unreachable) else None
    detail = error.detail if isinstance(error, VerificationError) else str(error)
    rule = RULE if reason == "pin-mismatch" else None
    document: Document = {"verdict": Outcome.REFUSED.value, "reason": reason, "rule": rule, "detail": detail}
    document |= {"url": destination.url, "address": None, "policy": _policy_word(intranet=intranet)}
    return document | {"vouchers": [], "candidates": [], "asked": [], "proofs": [], "checked": []}


def _policy_word(*, intranet: bool) -> str:
    """Name the rules that were the measure: M4 alone, or those for vouchers."""
    return "intranet" if intranet else "vouchers"


def _checked(verdict: Verdict, context: VoucherContext) -> list[str]:
    """Return the rules that held, if the connection is accepted."""
    if verdict.grounds.proofs:
        return [RULE]
    if not verdict.vouched:
        return []
    return [rule for rule in RULES if rule != "V10" or context.contexts]  # no own context: nothing to check


def page_document(page: Page, kept_in: Path | None = None) -> Document:
    """Say what a server sent as its page, or in which file it is kept."""
    body = {"body": page.body.decode("utf-8", errors="replace")} if kept_in is None else {"file": str(kept_in)}
    return {
        "status": page.status,
        "phrase": page.phrase,
        "contentType": page.content_type,
        "location": page.location,
        "complete": page.complete,
        **body,
    }


def _voucher_document(vouched: Vouched) -> Document:
    info, authority = vouched.voucher.info, vouched.authority
    return {
        "authority": authority.authority.hex(),
        "name": authority.name,
        "ownerGroup": authority.owner_group,
        "thisUpdate": _time(info.this_update),
        "nextUpdate": _time(info.next_update),
        "perspectives": info.perspectives,
        "evidence": list(map(_evidence_document, vouched.statuses)),
    }


def _proof_document(proof: "Proof") -> Document:
    return {
        "certificate": proof.certificate.hex(),
        "way": proof.way.value,
        "thisUpdate": _time(proof.this_update),
        "nextUpdate": _time(proof.next_update),
    }


def _evidence_document(evidence: StatusEvidence) -> Document:
    return {
        "certificate": evidence.certificate_hash.hex(),
        "method": evidence.method.name.lower(),
        "thisUpdate": _time(evidence.this_update),
        "nextUpdate": _time(evidence.next_update),
    }


def _tls_document(verdict: Verdict) -> Document:
    """Say what the handshake showed; one that an unreadable answer ended (T4) showed no certificate."""
    facts, cost = verdict.facts, verdict.cost
    return {
        "version": facts.version,
        "cipher": facts.cipher,
        "certificate": certificate_hash(facts.chain[0]).hex() if facts.chain else None,
        "staple": facts.staple is not None,
        "octets": {each: getattr(cost, each) for each in ("request", "vouchers", "staple", "chain")},
        "roundTrips": cost.round_trips,
    }


def _name_document(directory: Directory, candidate: bytes) -> Document:
    authority = directory.find(candidate)
    return {"authority": candidate.hex(), "name": authority.name if authority else None}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
