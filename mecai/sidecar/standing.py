"""How one voucher or staple stands: what `mecai sidecar status` and Prometheus are told."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class State(Enum):
    """How one voucher or staple stands; `served` says whether a client is served by it."""

    GOOD = ("good", True)
    PARTIAL = ("partial", True)  # good, but not for every configured address
    EXPIRED = ("expired", False)
    BAD = ("bad", False)  # is there, and a client would refuse it, or it cannot be read
    MISSING = ("missing", False)
    UNREADABLE = ("unreadable", False)  # the chain of the server itself cannot be served

    def __init__(self, word: str, served: bool) -> None:
        self.word = word
        self.served = served


@dataclass(frozen=True)
class StapleStatus:
    """One line of the report. `kind` is voucher or ocsp, or certificate for a chain that cannot be served."""

    certificate: str
    kind: str
    name: str
    state: State
    detail: str = ""
    this_update: datetime | None = None
    next_update: datetime | None = None
    due: datetime | None = None
