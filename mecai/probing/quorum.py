"""Whether enough perspectives saw the same: the VAS itself and its agents, for each address (docs/spec P5, P6).

The numbers are those that the CA/Browser Forum asks of CAs (Baseline Requirements, section 3.2.2.9); of two regions the
VAS's own may be one (ADR 0059). Which ways traffic takes (RPKI, BGP) is not looked at: whoever holds the routes of all
perspectives holds the quorum.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from mecai.probing.corroborate import Corroboration

REGIONS: Final = 2  # at least, among those that agreed, where there are agents
_FEW: Final = 2  # agents from which on one may fail
_MANY: Final = 6  # ... and two


@dataclass(frozen=True)
class Perspective:
    """Where somebody looks from."""

    name: str
    region: str


@dataclass(frozen=True)
class Agreement:
    """The addresses for which the quorum is reached, and who agreed for every one of them, the VAS first."""

    addresses: tuple[bytes, ...]
    intermediates_matched: bool
    perspectives: tuple[Perspective, ...]


def may_fail(agents: int) -> int:
    """Return how many of so many agents may see something else, or nothing."""
    return 0 if agents < _FEW else 1 if agents < _MANY else 2


def crowded_region(perspectives: Collection[Perspective]) -> str | None:
    """Return a region beyond which only those are who may fail, of a VAS and its agents; None where there is none.

    The quorum would hang on each of these: without them all that are left are in one region.
    """
    others = may_fail(len(perspectives) - 1)
    for region, inside in Counter(perspective.region for perspective in perspectives).items():
        if len(perspectives) - inside <= others:
            return region
    return None


def agreement(here: Perspective, own: Corroboration, agents: Mapping[Perspective, Corroboration | None]) -> Agreement:
    """Return what is agreed on; `agents` are all that were asked, with None for who gave no answer.

    No address without the VAS's own word: agents can only take away.
    """
    seen = {agent: frozenset(found.addresses) if found else frozenset() for agent, found in agents.items()}
    agreed: dict[bytes, list[Perspective]] = {}
    for address in own.addresses:
        others = [agent for agent, addresses in seen.items() if address in addresses]
        if are_enough((here, *others), len(agents)):
            agreed[address] = others
    for_all = [agent for agent in agents if all(agent in others for others in agreed.values())] if agreed else []
    matched = own.intermediates_matched and all(
        found.intermediates_matched for agent, found in agents.items() if found is not None and agent in for_all
    )
    return Agreement(tuple(agreed), matched, (here, *for_all))


def are_enough(perspectives: Collection[Perspective], agents: int) -> bool:
    """Tell whether these are a quorum of the VAS and so many agents; the VAS counts as an agent does."""
    regions = {perspective.region for perspective in perspectives}
    return len(perspectives) > agents - may_fail(agents) and (not agents or len(regions) >= REGIONS)
