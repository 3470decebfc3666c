"""Between HTTP and the order of work: decoding, quotas, slots, and requests in flight (docs/spec R4, R6, R9).

Every request ends in a line of the log: what was asked, by whom, and what came of it.
"""

import logging
import time
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import Malformed
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.vas.admission.in_flight import RequestsInFlight
from mecai.vas.admission.quotas import Clock, Quotas
from mecai.vas.admission.slots import BUSY, Slots
from mecai.vas.issuance.issue import ExaminedRequest, Issued, Notary, OnHold
from mecai.vas.refusal import Code, Refusal

SECONDS: Final = 30.0  # for a whole request (R4)

LOG = logging.getLogger(__name__)


class Admission:
    """Lets requests in to one notary."""

    def __init__(self, notary: Notary, quotas: Quotas, parallel: int, clock: Clock = time.monotonic) -> None:
        """Let `parallel` requests be at work at once."""
        self._notary = notary
        self._quotas = quotas
        self._clock = clock
        self._slots = Slots(parallel, clock)
        self._in_flight = RequestsInFlight[Issued | OnHold]()

    def answer(self, body: bytes, requester: str) -> Issued | OnHold:
        """Answer a request, DER as it came, from the address `requester`; raises `Refusal`."""
        facts: dict[str, Any] = {"requester": requester}
        try:
            request = self._decode(body, requester)
            facts |= _facts(request)
            own = self._quotas.take_requester(requester, request)
            examined = self._notary.examine(request, requester)
            self._quotas.take_targets(requester, request, own=own)
            with self._slots.held(requester, own=own):
                answer = self._work(examined, body)
        except Refusal as refusal:
            LOG.info("refused", extra=facts | _reason(refusal))
            raise
        except SQLAlchemyError as error:
            LOG.exception("the database failed", extra=facts)
            raise Refusal(Code.OVERLOADED, "the log cannot be written", retry=BUSY) from error
        LOG.info("on hold" if isinstance(answer, OnHold) else "vouched", extra=facts | _outcome(answer))
        return answer

    def _decode(self, body: bytes, requester: str) -> VoucherRequest:
        try:
            return VoucherRequest.decode(body)
        except Malformed as error:
            self._quotas.take_malformed(requester)
            raise Refusal(Code.MALFORMED, error.detail) from error

    def _work(self, examined: ExaminedRequest, body: bytes) -> Issued | OnHold:
        deadline = Deadline(SECONDS, self._clock)
        try:
            return self._in_flight.join(body, lambda: self._notary.vouch(examined, deadline), deadline)
        except TimeoutError as error:
            raise Refusal(Code.OVERLOADED, "an identical request is still at work", retry=BUSY) from error


def _facts(request: VoucherRequest) -> dict[str, Any]:
    return {
        "certificate": request.hashes[0].hex(),
        "addresses": [address_text(address) for address in request.addresses],
        "port": request.port,
    }


def _reason(refusal: Refusal) -> dict[str, Any]:
    cause = {"cause": refusal.cause} if refusal.cause else {}
    return {"code": refusal.code, "detail": refusal.detail, **cause}


def _outcome(answer: Issued | OnHold) -> dict[str, Any]:
    if isinstance(answer, OnHold):
        return {"until": answer.until}
    info = answer.info
    return {
        "serialNumber": f"{info.serial_number:x}",
        "agreed": [address_text(address) for address in info.addresses],
        "contexts": info.trust_contexts,
        "nextUpdate": info.next_update,
    }
