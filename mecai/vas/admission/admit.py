"""Between HTTP and the order of work: decoding, quotas, load, and requests in flight (docs/spec R4, R6, R9).

Every request ends in a line of the log: what was asked, by whom, and what came of it.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import Malformed
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.vas.admission.in_flight import RequestsInFlight
from mecai.vas.admission.quotas import Clock, Quotas, requester_of
from mecai.vas.issuance.issue import Issued, Notary, OnHold
from mecai.vas.refusal import Code, Refusal

SECONDS: Final = 30.0  # for a whole request (R4)
BUSY: Final = timedelta(seconds=5)  # when to try again
SHARES: Final = 3  # one requester has a third of the slots at most

LOG = logging.getLogger(__name__)


class Admission:
    """Lets requests in to one notary."""

    def __init__(self, notary: Notary, quotas: Quotas, parallel: int, clock: Clock = time.monotonic) -> None:
        """Let `parallel` requests be at work at once."""
        self._notary = notary
        self._quotas = quotas
        self._clock = clock
        self._slots = threading.BoundedSemaphore(parallel)
        self._share = max(1, parallel // SHARES)
        self._at_work: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._in_flight = RequestsInFlight[Issued | OnHold]()

    def answer(self, body: bytes, requester: str) -> Issued | OnHold:
        """Answer a request, DER as it came, from the address `requester`; raises `Refusal`."""
        facts: dict[str, Any] = {"requester": requester}
        try:
            request = self._decode(body, requester)
            facts |= _facts(request)
            self._quotas.take(requester, request)
            answer = self._work(request, body, requester)
        except Refusal as refusal:
            LOG.info("refused", extra=facts | _reason(refusal))
            raise
        LOG.info("on hold" if isinstance(answer, OnHold) else "vouched", extra=facts | _outcome(answer))
        return answer

    def _decode(self, body: bytes, requester: str) -> VoucherRequest:
        try:
            return VoucherRequest.decode(body)
        except Malformed as error:
            self._quotas.take_malformed(requester)
            raise Refusal(Code.MALFORMED, error.detail) from error

    def _work(self, request: VoucherRequest, body: bytes, requester: str) -> Issued | OnHold:
        deadline = Deadline(SECONDS, self._clock)
        with self._share_of(requester_of(requester)), self._slot():
            try:
                return self._in_flight.join(body, lambda: self._notary.vouch(request, requester, deadline), deadline)
            except TimeoutError as error:
                detail = "an identical request is still at work"
                raise Refusal(Code.OVERLOADED, detail, retry=BUSY) from error
            except SQLAlchemyError as error:
                LOG.exception("the database failed")
                raise Refusal(Code.OVERLOADED, "the log cannot be written", retry=BUSY) from error

    @contextmanager
    def _share_of(self, requester: str) -> Iterator[None]:
        """Keep one requester, who may make every probe last as long as it can, from taking all slots."""
        with self._lock:
            if self._at_work[requester] >= self._share:
                detail = f"{self._share} requests of one requester are at work already"
                raise Refusal(Code.TOO_MANY_REQUESTS, detail, retry=BUSY)
            self._at_work[requester] += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work[requester] -= 1
                self._at_work += Counter()  # drops who is at zero

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(blocking=False):
            raise Refusal(Code.OVERLOADED, "too many requests are at work", retry=BUSY)
        try:
            yield
        finally:
            self._slots.release()


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
