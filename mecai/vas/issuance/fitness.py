"""What must be right of this node itself before it vouches: its certificate, its signer, its clock, its agents' CA.

Times go into vouchers and decide when holds end, and nodes that share a database share its log. So a node whose clock
is not its database's neither vouches nor logs. SQLite has this host's clock, which proves nothing; there, what is left
is the VA's own OCSP status, whose span of hours must have begun and not have ended.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from mecai.errors import HostError
from mecai.vas.issuance.signer import VoucherSigner
from mecai.vas.refusal import Code, Refusal

CLOCK_BOUND: Final = timedelta(seconds=30)  # that a node's clock may be off
EARLY: Final = timedelta(days=14)  # so long before its end a person hears of the certificate
RETRY: Final = timedelta(minutes=1)


class Fitness:
    """A node's certificate, signer, clock, and by what it believes its agents.

    `database_time` says what time the database has, or raises `HostError`. What was good of the signer and the clock is
    good for the rest of that second of the node's clock: one that is set is looked at again.
    """

    def __init__(
        self,
        signer: VoucherSigner,
        database_time: Callable[[], datetime],
        require_agents: Callable[[], object] = lambda: None,
    ) -> None:
        """Judge these; `require_agents` raises `HostError` where no agent could be believed."""
        self._signer = signer
        self._database_time = database_time
        self.require_agents = require_agents
        self._good: datetime | None = None

    def require(self, now: datetime) -> None:
        """Raise `Refusal` (overloaded), the cause for the log alone, unless this node may vouch; whole seconds."""
        try:
            self.require_agents()
            if now != self._good:
                self._signer.require_ready(now)
                self.require_clock(now)
                self._good = now
        except HostError as error:
            raise unfit(error) from error

    def require_clock(self, now: datetime) -> None:
        """Raise `HostError` where this node's clock is not the database's."""
        ahead = now - self._database_time()
        if abs(ahead) > CLOCK_BOUND:
            seen = (
                f"{abs(ahead).total_seconds():.0f} s {'ahead of' if ahead > timedelta() else 'behind'} the database's"
            )
            wanted = f"{CLOCK_BOUND.total_seconds():.0f} s at most"
            raise HostError(f"clock: is {seen}, expected {wanted}; see that both hosts follow the same time (NTP)")

    def require_lasting(self, now: datetime) -> None:
        """Raise `HostError` where the VA's certificate ends soon."""
        end = self._signer.certificate.not_valid_after_utc
        if end - now < EARLY:
            raise HostError(f"the VA's certificate: {(end - now).days} days left; let the CA issue another")


def unfit(error: HostError) -> Refusal:
    """Say of a node's own fault that it cannot vouch; the log alone learns which."""
    return Refusal(Code.OVERLOADED, "this node cannot vouch now", retry=RETRY, cause=str(error))
