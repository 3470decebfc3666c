"""Who judges what is there and what is wanted: a service keeps its judges from one round to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.kinds.kind import StapleKind
from mecai.sidecar.store import StapleStore
from mecai.sidecar.verdicts import Verdicts
from mecai.sidecar.wanted import Surveyor


@dataclass(frozen=True)
class Judges:
    """What remembers its verdicts: those of a service, or new ones."""

    surveyor: Surveyor
    verdicts: Verdicts


def judges(config: SidecarConfig, kinds: Sequence[StapleKind]) -> Judges:
    """Return such as have judged nothing yet."""
    return Judges(Surveyor(config, kinds), Verdicts(StapleStore(config.staples), kinds))
