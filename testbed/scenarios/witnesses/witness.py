"""What a witness is: somebody on a host who tries something, or looks, and says what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Observed
from testbed.scenarios.means.mean import Arguments, Parameter

# How a VAS says no (docs/spec R7, H9).
REFUSALS: Final = (
    *("malformed", "untrusted", "revoked", "distrusted", "disputed", "address-refused", "certificate-mismatch"),
    *("perspectives-disagree", "too-many-requests", "overloaded", "unreachable", "handshake-failed"),
    *("status-unavailable", "unknown-certificate", "not-proved"),
)


@dataclass(frozen=True)
class Witness:
    """One witness: its name, a line on it, what it may say, how it is asked, and with what.

    `on` is the parameter that names its host, whose wire is recorded. What it tries is not undone: no VAS forgets.
    """

    name: str
    says: str
    verdicts: tuple[str, ...]
    ask: Callable[[Arena, Arguments], Observed]
    on: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    reasons: tuple[str, ...] = REFUSALS
