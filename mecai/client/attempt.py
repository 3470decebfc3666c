"""One connection on its way to a verdict, and what the gate of a connection asks of its context."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from mecai import tls
from mecai.client.choices import NEVER
from mecai.client.policy import ClientPolicy
from mecai.client.sessions import Resumption
from mecai.client.verdict import Verdict
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.voucher import Voucher
from mecai.service.deadline import Deadline

if TYPE_CHECKING:
    from mecai.client.intranet import PrivateNetwork

STATUS_SECONDS: Final = 5.0  # at most, for all responders of one connection
DIRECT_SECONDS: Final = 10.0  # at most, for all authorities of one connection; an authority may take 30 (R4)
LONGEST_PATIENCE: Final = max(STATUS_SECONDS, DIRECT_SECONDS)


@dataclass(frozen=True)
class Attempt:
    """What a connection sent, to whom, and where the answer arrives."""

    extension: RequestExtension | None  # None: nothing was demanded
    exchange: tls.Exchange
    server_name: str | None
    peer_address: str | None
    policy: ClientPolicy  # what holds for this destination
    network: "PrivateNetwork | None" = None  # the private network that the name belongs to
    fault: str = ""  # why nobody could be asked for this name
    cached: tuple[Voucher, ...] = ()  # named to the server, which then does not send them (C5)
    port: int | None = None  # of the peer, where it is known
    resumption: Resumption | None = None  # None: no session is offered, and none is kept (T8)
    asked: list[bytes] = field(default_factory=list)  # authorities that this client asked itself, as it went on (M5)

    @property
    def patience(self) -> float:
        """How many seconds a judgement may wait for others at most: for responders (M4), for authorities (M5)."""
        if self.network:
            return STATUS_SECONDS
        return DIRECT_SECONDS if self.extension and self.policy.direct != NEVER else 0.0


class Demanding(Protocol):
    """A context as its connections see it: it begins each, and judges it once its handshake is over."""

    def begin(
        self, connection: tls.Connection, server_name: str | None, peer_address: str | None, port: int | None
    ) -> Attempt:
        """Attach the demand to `connection`, whose handshake is about to begin."""
        ...

    def judge(self, attempt: Attempt, facts: tls.Facts, deadline: Deadline) -> Verdict:
        """Judge what a handshake showed; what has to be fetched for it is fetched within `deadline`."""
        ...
