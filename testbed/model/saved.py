"""What stands at the beginning of a saved lab: what it is, from when, what it needs to be booted again."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from testbed.model import snapshot
from testbed.model.snapshot import Snapshot

_VERSION = 1
# Names become parts of paths: what comes from elsewhere must not have others than a topology file may.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Saved:
    """A lab that was put away: when, for which processors, on which content of its image, how it was made."""

    at: datetime
    architecture: str
    packages: str
    with_image: bool
    made: Snapshot


def encode(saved: Saved) -> str:
    """Return it as JSON text; `at` must be in UTC."""
    document = {
        "version": _VERSION,
        "at": saved.at.astimezone(UTC).isoformat(timespec="seconds"),
        "architecture": saved.architecture,
        "packages": saved.packages,
        "with_image": saved.with_image,
        "made": json.loads(snapshot.encode(saved.made)),
    }
    return json.dumps(document, indent=1) + "\n"


def decode(text: str) -> Saved:
    """Read it back; raises `ValueError` for anything that `encode` would not have written."""
    try:
        data = json.loads(text)
        if data["version"] != _VERSION:
            raise ValueError(f"version {data['version']!r}, this program reads version {_VERSION}")
        at = datetime.fromisoformat(data["at"]).astimezone(UTC)
        made = snapshot.decode(json.dumps(data["made"]))
        _require_names(made)
        return Saved(at, str(data["architecture"]), str(data["packages"]), bool(data["with_image"]), made)
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _require_names(made: Snapshot) -> None:
    topology = made.plan.topology
    names = [made.image, topology.name]
    names += [zone.name for zone in topology.zones] + [host.name for host in topology.hosts]
    names += [name for host in (made.plan.interfaces, made.plan.routes) for name in host]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"name {name!r}")
