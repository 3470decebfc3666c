"""Whether a certificate waits, by what the log says of it and what ends a hold early (docs/spec H2, H5 to H9)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mecai.protocol.objects.request import VoucherRequest
from mecai.service.deadline import Deadline
from mecai.vas.hold.expedite import Expedites
from mecai.vas.hold.first_seen import StillHeld, hold_end
from mecai.vas.hold.renewal import Predecessors
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.certificates import Logged
from mecai.vas.trust.contexts import Trusted

RENEWAL: Final = "renewal"
SUCCESSION: Final = "succession"
EXPEDITE: Final = "expedite"


@dataclass(frozen=True)
class OnHold:
    """The certificate waits until this time; `detail` says why what the requester brought did not end the hold."""

    until: datetime
    detail: str = ""


@dataclass(frozen=True)
class Hold:
    """The hold and its exceptions; without `expedites` there is no such exception (H8)."""

    predecessors: Predecessors
    expedites: Expedites | None = None

    def wait(
        self, request: VoucherRequest, trusted: Trusted, logged: Logged, now: datetime, deadline: Deadline
    ) -> OnHold | None:
        """Return how long the request's certificate waits, None if it need not; raises `Refusal` (disputed).

        What ends a hold early is looked for while the deadline leaves the time.
        """
        if logged.disputed:
            since = f"{logged.disputed:%Y-%m-%dT%H:%M:%SZ}"
            raise Refusal(Code.DISPUTED, f"certificate: disputed since {since} by the owner of one of its domains")
        end = hold_end(logged, self.predecessors.span, now)
        if end is None:
            return None
        return self._early(request, trusted, end, now, deadline)

    def _early(
        self, request: VoucherRequest, trusted: Trusted, end: datetime, now: datetime, deadline: Deadline
    ) -> OnHold | None:
        """Return None, logged as such, if an exception ends the hold before its `end`."""
        failures: dict[str, str] = {}
        for way, require in self._exceptions(request, trusted, now, deadline):
            try:
                require()
            except StillHeld as error:
                failures[way] = f"{way}: {error}"
            else:
                self.predecessors.log.release(request.hashes[0], now, way)
                return None
        return OnHold(end, failures.get(SUCCESSION, ""))

    def _exceptions(
        self, request: VoucherRequest, trusted: Trusted, now: datetime, deadline: Deadline
    ) -> Iterator[tuple[str, Callable[[], None]]]:
        """Name what may end the hold, with what requires it."""
        yield RENEWAL, lambda: self.predecessors.require_renewal(trusted, now, deadline)
        if (statement := request.succession) is not None:
            yield SUCCESSION, lambda: self.predecessors.require_succession(statement, trusted, now, deadline)
        if (expedites := self.expedites) is not None:
            yield EXPEDITE, lambda: expedites.require(request.hashes[0], trusted, now)
