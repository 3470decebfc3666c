"""The order of work (docs/spec R5): limits, chain, distrust, revocation, probe, log, hold, sign, and record.

Each step is a module of its own; here is only their order, and what a voucher says when all have passed. Nothing is
written before the probe has proved possession of the key, and no voucher leaves before it is recorded.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.errors import Malformed, VerificationError
from mecai.evidence import Evidence
from mecai.probing.corroborate import Corroboration, Probe, ProbeTarget, corroborate
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.service.deadline import Deadline
from mecai.vas.hold.first_seen import hold_end
from mecai.vas.issuance.agreement import require_agreement
from mecai.vas.issuance.own_status import OwnStatus
from mecai.vas.issuance.signer import VoucherSigner
from mecai.vas.issuance.targets import Targets
from mecai.vas.refusal import Code, Refusal, from_verdict
from mecai.vas.storage.logs import Log
from mecai.vas.trust.contexts import Trust, Trusted

PERSPECTIVES: Final = 1  # the VAS alone

# `Collector.collect`: the status of each certificate of a path but its root, end entity first.
Collect = Callable[[Sequence[x509.Certificate], datetime], tuple[Evidence, ...]]


# `Quotas.take_voucher`: counts a voucher of a requester, for a request, at addresses; raises `Refusal` beyond a bound.
Charge = Callable[[str, VoucherRequest, Sequence[bytes]], None]


@dataclass(frozen=True)
class ExaminedRequest:
    """A request of an allowed target with a trusted chain; `requester` goes into the voucher log."""

    request: VoucherRequest
    requester: str
    target: ProbeTarget
    trusted: Trusted


@dataclass(frozen=True)
class OnHold:
    """The certificate waits until this time."""

    until: datetime


@dataclass(frozen=True)
class Issued:
    """A voucher: what it says, and its DER."""

    info: VoucherInfo
    der: bytes


@dataclass(frozen=True)
class Notary:
    """Everything that the order of work needs, and the order itself."""

    targets: Targets
    trust: Trust
    collect: Collect
    own_status: OwnStatus
    probe: Probe
    charge: Charge
    log: Log
    signer: VoucherSigner
    lifetime: timedelta
    hold: timedelta
    clock: Callable[[], datetime]

    def examine(self, request: VoucherRequest, requester: str) -> ExaminedRequest:
        """Judge a request that decoded by itself; raises `Refusal`. Nobody is contacted."""
        target = self.targets.target(request)
        return ExaminedRequest(request, requester, target, self.trust.judge(request.chain, self.clock()))

    def vouch(self, examined: ExaminedRequest, deadline: Deadline) -> Issued | OnHold:
        """Do the rest of the work; raises `Refusal`."""
        now = self.clock()
        evidence = (*self._collect(examined.trusted, now), self.own_status.current(now))
        probed = self.clock()  # before the first handshake: what a voucher says held from then on
        found = corroborate(examined.target, self.probe, deadline)
        require_agreement(found)
        first_seen = self.log.sight(examined.request, probed)
        if (end := hold_end(first_seen, self.hold, self.clock())) is not None:
            return OnHold(end)
        info = self._state(examined, evidence, found, probed)
        self.charge(examined.requester, examined.request, found.addresses)
        return self._sign(info, evidence, examined.requester)

    def _collect(self, trusted: Trusted, now: datetime) -> tuple[Evidence, ...]:
        try:
            return self.collect(trusted.path, now)
        except VerificationError as error:
            raise from_verdict(error) from error

    def _state(
        self, examined: ExaminedRequest, evidence: tuple[Evidence, ...], found: Corroboration, probed: datetime
    ) -> VoucherInfo:
        """Put into words what was found.

        `evidence` names the certificates of the path in its order; its last piece is the VA's own and bounds the time
        only (O11).
        """
        statuses = [each.status for each in evidence[:-1]]
        hashes = [each.certificate_hash for each in statuses]
        ends = (
            probed + self.lifetime,
            *(each.not_valid_after_utc for each in (self.signer.certificate, *examined.trusted.path[:-1])),
            *(each.until for each in evidence),
        )
        if min(ends) <= self.clock():
            raise Refusal(Code.STATUS_UNAVAILABLE, "the status of a certificate ran out during the work; ask again")
        return VoucherInfo(
            authority=self.signer.authority,
            serial_number=1 + secrets.randbelow((1 << LIMITS.serial_bits) - 1),
            certificate_hash=hashes[0],
            intermediate_hashes=tuple(hashes[1:]),
            addresses=found.addresses,
            probed_port=examined.request.port,
            this_update=probed,
            next_update=min(ends),
            trust_contexts=examined.trusted.contexts,
            intermediates_matched=found.intermediates_matched,
            perspectives=PERSPECTIVES,
            status_evidence=tuple(statuses),
        )

    def _sign(self, info: VoucherInfo, evidence: tuple[Evidence, ...], requester: str) -> Issued:
        """Sign and record; the evidence's OCSP responses travel along (O4)."""
        responses = tuple(dict.fromkeys(each.response for each in evidence if each.response is not None))
        try:
            der = self.signer.sign(info, responses)
        except Malformed as error:  # the evidence is a responder's, and of what size that one pleases
            raise Refusal(Code.STATUS_UNAVAILABLE, f"with the evidence, {error.detail}") from error
        self.log.record(info, der, requester)
        return Issued(info, der)
