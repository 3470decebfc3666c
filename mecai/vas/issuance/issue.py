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
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import VerificationError
from mecai.evidence import Evidence
from mecai.probing.corroborate import Probe, Sighting, look
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import certificate_hash
from mecai.service.deadline import Deadline
from mecai.vas.hold.first_seen import hold_end
from mecai.vas.issuance.own_status import OwnStatus
from mecai.vas.issuance.signer import Signer
from mecai.vas.issuance.targets import Targets, server_name
from mecai.vas.problem import Code, Problem, from_verdict
from mecai.vas.storage.logs import Log
from mecai.vas.trust.contexts import Trust, Trusted

PERSPECTIVES: Final = 1  # the VAS alone

# `Collector.collect`: the status of each certificate of a path but its root, end entity first.
Collect = Callable[[Sequence[x509.Certificate], datetime], tuple[Evidence, ...]]


@dataclass(frozen=True)
class Held:
    """The certificate is on hold until this time."""

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
    log: Log
    signer: Signer
    lifetime: timedelta
    hold: timedelta
    clock: Callable[[], datetime]

    def vouch(self, request: VoucherRequest, requester: str, deadline: Deadline) -> Issued | Held:
        """Do the work for a request that decoded; raises `Problem`. `requester` goes into the voucher log."""
        self.targets.require_allowed(request)
        now = self.clock()
        trusted = self.trust.judge(request, now)
        evidence = self._collect(trusted, now)
        own = self.own_status.current(now)
        probed = self.clock()
        sighting = look(request, server_name(request, trusted.path[0]), self.probe, deadline)
        first_seen = self.log.sight(trusted.path[0], probed)
        if (end := hold_end(first_seen, self.hold, self.clock())) is not None:
            return Held(end)
        info = self._say(request, trusted, (*evidence, own), sighting, probed)
        return self._sign(info, (*evidence, own), requester)

    def _collect(self, trusted: Trusted, now: datetime) -> tuple[Evidence, ...]:
        try:
            return self.collect(trusted.path, now)
        except VerificationError as error:
            raise from_verdict(error) from error

    def _say(
        self,
        request: VoucherRequest,
        trusted: Trusted,
        evidence: tuple[Evidence, ...],
        sighting: Sighting,
        probed: datetime,
    ) -> VoucherInfo:
        """Put into words what was found; the last of `evidence` is the VA's own and bounds the time only (O11)."""
        chain = trusted.path[:-1]
        hashes = [certificate_hash(certificate.public_bytes(Encoding.DER)) for certificate in chain]
        ends = (
            probed + self.lifetime,
            *(certificate.not_valid_after_utc for certificate in (self.signer.certificate, *chain)),
            *(each.status.next_update for each in evidence),
        )
        if min(ends) <= probed:
            raise Problem(Code.STATUS_UNAVAILABLE, "the status of a certificate ran out during the work; ask again")
        return VoucherInfo(
            authority=self.signer.authority,
            serial_number=1 + secrets.randbelow((1 << LIMITS.serial_bits) - 1),
            certificate_hash=hashes[0],
            intermediate_hashes=tuple(hashes[1:]),
            addresses=sighting.addresses,
            probed_port=request.port,
            this_update=probed,
            next_update=min(ends),
            trust_contexts=trusted.contexts,
            intermediates_matched=sighting.intermediates_matched,
            perspectives=PERSPECTIVES,
            status_evidence=tuple(each.status for each in evidence[:-1]),
        )

    def _sign(self, info: VoucherInfo, evidence: tuple[Evidence, ...], requester: str) -> Issued:
        """Sign and record; the evidence's OCSP responses travel along (O4)."""
        responses = tuple(dict.fromkeys(each.response for each in evidence if each.response is not None))
        der = self.signer.sign(info, responses)
        if len(der) > LIMITS.voucher_size:
            detail = f"with the evidence a voucher has {len(der)} octets; {LIMITS.voucher_size} are allowed"
            raise Problem(Code.STATUS_UNAVAILABLE, detail)
        self.log.record(info, der, requester)
        return Issued(info, der)
