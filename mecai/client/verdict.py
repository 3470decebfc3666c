"""The verdict on one connection: accepted, warned or refused, by which rule and with whose vouchers.

Pure: what a handshake showed and what the client demanded go in; the rules are `mecai.protocol.verify`.
"""

import ssl
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mecai.client.cost import Cost
from mecai.errors import Malformed, VerificationError
from mecai.protocol.codec.tls_answer import decode_vouchers
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import address_octets
from mecai.protocol.verify.connection import Accepted, Policy, Presented, Vouched, verify_connection
from mecai.tls import Facts

if TYPE_CHECKING:
    from mecai.client.intranet import Proof

_ANSWERS: Final = 16  # that are remembered, of at most 64 KiB each: a server sends the same to everybody
_X509_V_ERR_APPLICATION_VERIFICATION: Final = 50  # x509_vfy.h: the application's own check failed


class Outcome(StrEnum):
    """What becomes of a connection."""

    ACCEPTED = "accepted"
    WARNED = "warned"  # it goes on although the rules refuse it, or because nobody asked them
    REFUSED = "refused"


@dataclass(frozen=True)
class Grounds:
    """What an acceptance rests upon: who vouched or, in a private network, what proves the certificates' status.

    `resumed`: when the connection was judged whose session this one goes on with, None where it is none (T8).
    """

    vouched: tuple[Vouched, ...] = ()
    proofs: tuple["Proof", ...] = ()
    resumed: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """One connection judged. `reason` (a reason code of docs/spec) and `rule` are None where it was accepted.

    `intranet` tells that rule M4 was the measure, in the place of those for vouchers.
    """

    outcome: Outcome
    reason: str | None
    rule: str | None
    detail: str
    grounds: Grounds
    intranet: bool
    candidates: tuple[bytes, ...]
    peer_address: str | None
    facts: Facts
    seconds: float  # that the judgement took
    asked: tuple[bytes, ...] = ()  # authorities that this client asked itself, and that know of it (M5)
    request: int = 0  # octets of extension `voucher_request`
    answer: int = 0  # octets of extension `voucher`

    @property
    def cost(self) -> Cost:
        """What the vouchers cost on the way."""
        staple = len(self.facts.staple or b"")
        chain = 0 if self.facts.resumed else sum(map(len, self.facts.chain))  # a session has it in memory
        return Cost(self.request, self.answer, staple, chain)

    @property
    def vouched(self) -> tuple[Vouched, ...]:
        """Who vouched."""
        return self.grounds.vouched


class Refused(ssl.SSLCertVerificationError):
    """A connection that must not be used. To every TLS program it is what a bad certificate is."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            ssl.SSLErrorNumber.SSL_ERROR_SSL, f"refused: {verdict.reason} ({verdict.rule}): {verdict.detail}"
        )
        self.verdict = verdict
        self.library = "MECAI"
        self.reason = self.verify_message = verdict.reason or ""
        self.verify_code = _X509_V_ERR_APPLICATION_VERIFICATION


@dataclass(frozen=True)
class Demand:
    """What one connection has to satisfy."""

    directory: Directory
    policy: Policy
    server_name: str | None
    peer_address: str | None
    cached: tuple[bytes, ...] = ()  # vouchers that were named to the server (C5)


def judge(demand: Demand, answer: bytes | None, facts: Facts, now: datetime) -> Accepted:
    """Apply every rule to what a handshake showed; `answer` is the octets of extension `voucher`, or None.

    Raises `VerificationError` with the reason code.
    """
    if now >= demand.directory.expires:
        raise VerificationError(
            "directory-expired", "D4", f"the directory expired at {demand.directory.expires:%Y-%m-%dT%H:%M:%SZ}"
        )
    if facts.resumed:
        raise VerificationError("no-voucher", "T8", "a resumed session shows no voucher, and no verdict stands for it")
    if demand.server_name is None:  # possible where a program switched `check_hostname` off
        raise VerificationError("untrusted", "C4", "no host name was given to hold the certificate against")
    presented = presented_by(facts, demand.peer_address)
    vouchers = (*decode_vouchers(answer), *demand.cached) if answer is not None else ()
    return verify_connection(
        vouchers, presented, demand.directory, demand.policy, server_name=demand.server_name, now=now
    )


@lru_cache(_ANSWERS)
def is_readable(answer: bytes) -> bool:
    """Tell whether the octets of extension `voucher` are of its form (T4, T7); what the vouchers say is no matter."""
    try:
        decode_vouchers(answer)
    except Malformed:
        return False
    return True


def presented_by(facts: Facts, peer_address: str | None) -> Presented:
    """Return what the rules for vouchers look at of a handshake."""
    return Presented(chain=facts.chain, peer_address=peer_octets(peer_address), staple=facts.staple)


def peer_octets(address: str | None) -> bytes | None:
    """Return an address as rule V9 compares it, without a zone; None where it is not known."""
    return address_octets(address.partition("%")[0]) if address else None
