"""A topology file becomes a topology, or one line that names the file, the key, what was seen and the fix.

The shape of a file is `topology.schema.yml`; what a schema cannot say is in `faults`, and what a role asks of its hosts
in that role.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from mecai.errors import InputError
from testbed.model import document, impairment
from testbed.model.faults import faults
from testbed.model.kinds import Kind, Kinds
from testbed.model.topology import Host, Topology, Zone

BUILT_IN = Path(__file__).parents[1] / "topologies"
SCHEMA = Path(__file__).parent / "topology.schema.yml"
_DEFAULT_DOMAIN = "lab.test"


def find(name_or_file: str) -> Path:
    """Find a topology by built-in name (`small`) or by path; raises `InputError`."""
    if is_file(name_or_file):
        return Path(name_or_file)
    path = BUILT_IN / f"{name_or_file}.yml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in BUILT_IN.glob("*.yml")))
        raise InputError(f"no topology {name_or_file!r}: use one of {known}, or the path of a file")
    return path


def is_file(name_or_file: str) -> bool:
    """Say whether the words name a file, rather than a built-in topology."""
    return "/" in name_or_file or name_or_file.endswith((".yml", ".yaml"))


def load(path: Path, kinds: Kinds) -> Topology:
    """Read and validate a topology file; raises `InputError` for its first fault."""
    return parse(text_of(path, "topology"), str(path), kinds)


def text_of(path: Path, kind: str) -> str:
    """Return the text of a file of this kind, such as a topology; raises `InputError`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise InputError(f"{path}: cannot be read ({why}): give the path of a {kind} file") from error


def parse(text: str, source: str, kinds: Kinds) -> Topology:
    """Validate the text of a topology; `source` is the file's name for messages."""
    data = document.parse(text, source, SCHEMA)
    for name, entry in data["hosts"].items():
        if entry["role"] not in kinds:
            known = ", ".join(sorted(kinds))
            raise InputError(f"{source}: hosts.{name}.role: saw {entry['role']!r}; expected one of {known}")
    zones = tuple(_zone(name, entry) for name, entry in data["zones"].items())
    topology = Topology(
        name=data["name"],
        domain=data.get("domain", _DEFAULT_DOMAIN),
        zones=zones,
        hosts=tuple(_host(name, entry, kinds[entry["role"]], zones) for name, entry in data["hosts"].items()),
        digest=sha256(yaml.safe_dump(data, sort_keys=False).encode()).hexdigest(),
    )
    for fault in faults(topology, kinds):
        raise InputError(f"{source}: {fault}")
    return topology


def _zone(name: str, entry: str | Mapping[str, Any]) -> Zone:
    if isinstance(entry, str):
        return Zone(name, entry, name)
    region, system, private = entry.get("region", name), entry.get("as", 0), entry.get("private", False)
    return Zone(name, entry["meaning"], region, system, private, impairment.read(entry.get("impair", {})))


def _host(name: str, entry: Mapping[str, Any], kind: Kind, zones: Iterable[Zone]) -> Host:
    own = entry["zone"]
    public = [zone.name for zone in zones if zone.name != own and not zone.private]
    return Host(
        name=name,
        role=entry["role"],
        links=(own, *entry.get("links", public if kind.forwards else ())),
        names=tuple(entry.get("names", kind.names(name))),
        variables=entry.get("vars", {}),
        forwards=kind.forwards,
        resolves=kind.resolves,
        guards=kind.guards,
        addresses=entry.get("addresses", 1),
    )
