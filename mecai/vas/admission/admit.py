"""Between HTTP and the order of work: decoding, quotas, slots, and requests in flight (docs/spec R4, R6, R9).

Every request ends in a line of the log: what was asked, by whom, and what came of it.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import Malformed
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_text
from mecai.service.deadline import Deadline
from mecai.vas.admission.in_flight import RequestsInFlight
from mecai.vas.admission.quotas import Clock, Quotas
from mecai.vas.admission.slots import BUSY, Slots
from mecai.vas.hold.wait import OnHold
from mecai.vas.issuance.issue import ExaminedRequest, Issued, Notary
from mecai.vas.refusal import Code, Refusal

SECONDS: Final = 30.0  # for a whole request (R4)

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


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
        with _logged(facts):
            request = self._decode(body, requester)
            facts |= _facts(request)
            own = self._quotas.take_requester(requester, request)
            examined = self._notary.examine(request, requester, own)
            with self._slots.held(requester, own=own is not None):
                answer = self._work(examined, body)
        LOG.info(_word(answer), extra=facts | _outcome(answer))
        return answer

    def hear(self, what: str, requester: str, work: Callable[[Deadline], Result], facts: Mapping[str, Any]) -> Result:
        """Let a statement in, which is no request: counted by who makes it, and at work like others.

        `what` and `facts` are for the log. Raises `Refusal`.
        """
        facts = {"requester": requester, **facts}
        with _logged(facts):
            self._quotas.take_statement(requester)
            with self._slots.held(requester, own=False):
                result = work(Deadline(SECONDS, self._clock))
        LOG.info(what, extra=facts)
        return result

    def _decode(self, body: bytes, requester: str) -> VoucherRequest:
        try:
            return VoucherRequest.decode(body)
        except Malformed as error:
            self._quotas.take_statement(requester)
            raise Refusal(Code.MALFORMED, error.detail) from error

    def _work(self, examined: ExaminedRequest, body: bytes) -> Issued | OnHold:
        deadline = Deadline(SECONDS, self._clock)
        key = body, examined.own  # limits differ by both, and so do refusals, which are shared as well
        try:
            return self._in_flight.join(key, lambda: self._notary.vouch(examined, deadline), deadline)
        except TimeoutError as error:
            raise Refusal(Code.OVERLOADED, "an identical request is still at work", retry=BUSY) from error


@contextmanager
def _logged(facts: Mapping[str, Any]) -> Iterator[None]:
    """Log why there is no answer; a database that fails is a `Refusal` (overloaded)."""
    try:
        yield
    except Refusal as refusal:
        LOG.info("refused", extra=dict(facts) | _reason(refusal))
        raise
    except SQLAlchemyError as error:
        LOG.exception("the database failed", extra=facts)
        raise Refusal(Code.OVERLOADED, "the log cannot be written", retry=BUSY) from error


def _facts(request: VoucherRequest) -> dict[str, Any]:
    return {
        "certificate": request.hashes[0].hex(),
        "addresses": [address_text(address) for address in request.addresses],
        "port": request.port,
    }


def _reason(refusal: Refusal) -> dict[str, Any]:
    cause = {"cause": refusal.cause} if refusal.cause else {}
    return {"code": refusal.code, "detail": refusal.detail, **cause}


def _word(answer: Issued | OnHold) -> str:
    if isinstance(answer, OnHold):
        return "on hold"
    return "vouched again" if answer.again else "vouched"


def _outcome(answer: Issued | OnHold) -> dict[str, Any]:
    if isinstance(answer, OnHold):
        return {"until": answer.until} | ({"detail": answer.detail} if answer.detail else {})
    info = answer.info
    return {
        "serialNumber": f"{info.serial_number:x}",
        "agreed": [address_text(address) for address in info.addresses],
        "contexts": info.trust_contexts,
        "perspectives": answer.perspectives,
        "nextUpdate": info.next_update,
    }
