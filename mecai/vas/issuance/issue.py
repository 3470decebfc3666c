"""The order of work (docs/spec R5): limits, chain, distrust, revocation, probe, log, hold, sign, and record.

Each step is a module of its own; here is only their order, and what a voucher says when all have passed. Nothing is
written before the probe has proved possession of the key, and no voucher leaves before it is recorded. What is asked
for once more while its voucher is young gets that one again, if all that comes before the probe lets it pass now (R6).
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from cryptography import x509

from mecai.errors import HostError, Malformed, VerificationError
from mecai.evidence import Evidence
from mecai.probing.corroborate import ProbeTarget
from mecai.probing.quorum import Agreement
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.service.deadline import Deadline
from mecai.vas.hold.wait import Hold, OnHold
from mecai.vas.issuance.fitness import Fitness, unfit
from mecai.vas.issuance.lookout import Lookout
from mecai.vas.issuance.own_status import OwnStatus
from mecai.vas.issuance.reuse import Content, young_until
from mecai.vas.issuance.signer import VoucherSigner
from mecai.vas.issuance.targets import Targets
from mecai.vas.measures import PROBE, SIGN
from mecai.vas.refusal import Code, Refusal, from_verdict
from mecai.vas.storage.addresses import AddressLog
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.known import Known, KnownRequests
from mecai.vas.storage.vouchers import Edition, VoucherLog
from mecai.vas.trust.contexts import Trust, Trusted

AT_ONCE: Final = timedelta(seconds=1)  # when to ask again: the log then says why not

# `Collector.collect`: the status of each certificate of a path but its root, end entity first.
Collect = Callable[[Sequence[x509.Certificate], datetime], tuple[Evidence, ...]]


class Charges(Protocol):
    """What probes and vouchers use up (R9), as `mecai.vas.admission.quotas.Quotas` counts it.

    `own` is the requester's address where the request counts as a server's own. Both raise `Refusal` beyond a bound.
    """

    def take_targets(self, request: VoucherRequest, own: bytes | None) -> None:
        """Count a request that is about to be probed."""
        ...

    def take_voucher(self, request: VoucherRequest, own: bytes | None, agreed: Collection[bytes]) -> None:
        """Count a voucher for the addresses that agreed."""
        ...


@dataclass(frozen=True)
class ExaminedRequest:
    """A request of an allowed target with a trusted chain; `requester` goes into the voucher log.

    `own` is the requester's address where the request counts as a server's own (R9).
    """

    request: VoucherRequest
    requester: str
    own: bytes | None
    target: ProbeTarget
    trusted: Trusted


@dataclass(frozen=True)
class Issued:
    """A voucher: what it says, its DER, and the names of the perspectives that agreed; `again` if it is not new."""

    info: VoucherInfo
    der: bytes
    perspectives: tuple[str, ...]
    again: bool = False


@dataclass(frozen=True)
class Notary:
    """Everything that the order of work needs, and the order itself."""

    targets: Targets
    trust: Trust
    collect: Collect
    fitness: Fitness
    own_status: OwnStatus
    lookout: Lookout
    charges: Charges
    known: KnownRequests
    certificates: CertificateLog
    addresses: AddressLog | None  # none: nobody is told of new ones
    hold: Hold
    vouchers: VoucherLog
    signer: VoucherSigner
    lifetime: timedelta
    reuse: timedelta  # of a voucher, from its probe on; zero: none is used again
    clock: Callable[[], datetime]

    def examine(self, request: VoucherRequest, requester: str, own: bytes | None) -> ExaminedRequest:
        """Judge a request that decoded by itself; raises `Refusal`. Nobody is contacted."""
        target = self.targets.target(request)
        return ExaminedRequest(request, requester, own, target, self.trust.judge(request.chain, self.clock()))

    def vouch(self, examined: ExaminedRequest, deadline: Deadline) -> Issued | OnHold:
        """Do the rest of the work; raises `Refusal`."""
        now = self.clock()
        self.fitness.require(now)
        evidence = (*self._collect(examined.trusted, now), self.own_status.current(now))
        wanted = self._wanted(examined, evidence)
        known = self._find(examined, wanted)
        if (young := self._young(examined, known, deadline)) is not None:
            return young
        probed = self.clock()  # before the first handshake: what a voucher says held from then on
        found = self._look(examined, deadline)
        if (wait := self._wait(examined, known, found, probed, deadline)) is not None:
            return wait
        content = replace(wanted, addresses=found.addresses, intermediates_matched=found.intermediates_matched)
        if content != wanted:
            known = self._find(examined, content)
            if (young := self._young(examined, known, deadline)) is not None:
                return young
        info = self._state(examined, evidence, found, probed)
        self.charges.take_voucher(examined.request, examined.own, found.addresses)
        issued = self._sign(info, evidence, tuple(each.name for each in found.perspectives))
        return self._record(issued, examined, content, known, deadline)

    def _wanted(self, examined: ExaminedRequest, evidence: tuple[Evidence, ...]) -> Content:
        """Return what a voucher says if all addresses agree, and show the intermediates."""
        request, path = examined.request, tuple(each.status.certificate_hash for each in evidence[:-1])
        return Content(self.signer.certificate, path, request.addresses, request.port, examined.trusted.contexts, True)

    def _find(self, examined: ExaminedRequest, content: Content) -> Known | None:
        return self.known.find(examined.request, examined.requester, content.hash)

    def _young(self, examined: ExaminedRequest, known: Known | None, deadline: Deadline) -> Issued | None:
        """Return the voucher that is still young, None if there is none; raises `Refusal` (disputed)."""
        now = self.clock()
        if known is None or known.voucher is None or not self.reuse or not known.voucher.is_young(now):
            return None
        if self.hold.wait(examined.request, examined.trusted, known.logged, now, deadline) is not None:
            return None
        found = known.voucher
        return Issued(parse_voucher(found.der).info, found.der, found.perspectives, again=True)

    def _look(self, examined: ExaminedRequest, deadline: Deadline) -> Agreement:
        """Probe what was asked for, if that may still be; raises `Refusal`.

        Whoever names himself beside others can use up what these let be probed on others' word: beyond that, only who
        shows the certificate himself has others probed.
        """
        try:
            self.charges.take_targets(examined.request, examined.own)
        except Refusal:
            if examined.own is None:
                raise
            self._probe(replace(examined.target, addresses=(examined.own,)), deadline)
        return self._probe(examined.target, deadline)

    def _probe(self, target: ProbeTarget, deadline: Deadline) -> Agreement:
        with PROBE.time():
            return self.lookout.look(target, deadline)

    def _wait(
        self, examined: ExaminedRequest, known: Known | None, found: Agreement, probed: datetime, deadline: Deadline
    ) -> OnHold | None:
        """Log what was seen, unless that was done a short while ago, and return how long it waits.

        Whether an address is new is asked each time: who asks once more may show the certificate at one that he named
        before without showing it there.
        """
        request, requester = examined.request, examined.requester
        logged = self.certificates.sight(request, requester, probed) if known is None else known.logged
        if known is not None and not known.is_noted(probed):
            self.certificates.note(request, requester, probed)
        if self.addresses is not None:
            self.addresses.note(request.hashes[0], found.addresses, requester, probed)
        return self.hold.wait(request, examined.trusted, logged, self.clock(), deadline)

    def _collect(self, trusted: Trusted, now: datetime) -> tuple[Evidence, ...]:
        try:
            return self.collect(trusted.path, now)
        except VerificationError as error:
            raise from_verdict(error) from error

    def _state(
        self, examined: ExaminedRequest, evidence: tuple[Evidence, ...], found: Agreement, probed: datetime
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
            perspectives=len(found.perspectives),
            status_evidence=tuple(statuses),
        )

    def _sign(self, info: VoucherInfo, evidence: tuple[Evidence, ...], perspectives: tuple[str, ...]) -> Issued:
        """Sign; the evidence's OCSP responses travel along (O4)."""
        responses = tuple(dict.fromkeys(each.response for each in evidence if each.response is not None))
        try:
            with SIGN.time():
                der = self.signer.sign(info, responses)
        except HostError as error:  # the signer's
            raise unfit(error) from error
        except Malformed as error:  # the evidence is a responder's, and of what size that one pleases
            raise Refusal(Code.STATUS_UNAVAILABLE, f"with the evidence, {error.detail}") from error
        return Issued(info, der, perspectives)

    def _record(
        self, issued: Issued, examined: ExaminedRequest, content: Content, known: Known | None, deadline: Deadline
    ) -> Issued:
        """Record what was signed, and return it; or the voucher of who asked for the same and was first.

        Raises `Refusal` (overloaded) if the log does not take it for another reason: somebody has objected meanwhile.
        """
        edition = self._edition(issued.info, content, known) if self.reuse else None
        if self.vouchers.record(issued.info, issued.der, examined.requester, issued.perspectives, edition):
            return issued
        if (first := self._young(examined, self._find(examined, content), deadline)) is not None:
            return first
        raise Refusal(Code.OVERLOADED, "the log changed during the work; ask again", retry=AT_ONCE)

    def _edition(self, info: VoucherInfo, content: Content, known: Known | None) -> Edition:
        """Return which voucher of its content this one is: one more than what is known."""
        number = 1 + (known.voucher.edition.number if known and known.voucher else 0)
        return Edition(content.hash, number, young_until(info, self.reuse))
