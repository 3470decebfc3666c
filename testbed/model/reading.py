"""A topology file becomes a topology, or one line that names the file, the key, what was seen and the fix.

The shape of a file is `topology.schema.yml`; what a schema cannot say (a host's zone exists, names are unique, every
zone can be reached) is checked here, and what a role asks of its hosts by that role.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import yaml

from mecai.errors import InputError
from testbed.model import document
from testbed.model.topology import Host, Topology, Zone

BUILT_IN = Path(__file__).parents[1] / "topologies"
SCHEMA = Path(__file__).parent / "topology.schema.yml"
ROUTERS_PER_ZONE = 9  # their numbers in a network are 1 to 9, see `plan`
_DEFAULT_DOMAIN = "lab.test"
# Interfaces bear the names of their zones, and these words mean something else to the kernel (ip-sysctl.txt).
_TAKEN_ZONES = frozenset({"lo", "all", "default"})
# The namespace that holds the bridges has this name beside those of the hosts.
_TAKEN_HOST = "switch"


class Kind(Protocol):
    """What reading must know of a role."""

    @property
    def forwards(self) -> bool:
        """Whether its hosts join the zones that they are linked to."""

    @property
    def resolves(self) -> bool:
        """Whether its hosts answer DNS for the others."""

    @property
    def needs(self) -> Mapping[str, str]:
        """The roles without which its hosts cannot work, each with what that one does for them."""

    def names(self, host: str) -> tuple[str, ...]:
        """Return the domain names of a host for which the file gives none."""

    def faults(self, topology: Topology, host: Host) -> Iterable[str]:
        """Yield what is wrong with one of its hosts, as `KEY: saw VALUE; expected ...`."""


Kinds = Mapping[str, Kind]


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
    topology = Topology(
        name=data["name"],
        domain=data.get("domain", _DEFAULT_DOMAIN),
        zones=tuple(Zone(name, meaning) for name, meaning in data["zones"].items()),
        hosts=tuple(_host(name, entry, kinds[entry["role"]], data["zones"]) for name, entry in data["hosts"].items()),
        digest=sha256(yaml.safe_dump(data, sort_keys=False).encode()).hexdigest(),
    )
    for fault in _faults(topology, kinds):
        raise InputError(f"{source}: {fault}")
    return topology


def _host(name: str, entry: Mapping[str, Any], kind: Kind, zones: Iterable[str]) -> Host:
    own = entry["zone"]
    others = entry.get("links", [zone for zone in zones if zone != own] if kind.forwards else ())
    return Host(
        name=name,
        role=entry["role"],
        links=(own, *others),
        names=tuple(entry.get("names", kind.names(name))),
        variables=entry.get("vars", {}),
        forwards=kind.forwards,
        resolves=kind.resolves,
    )


def _faults(topology: Topology, kinds: Kinds) -> Iterator[str]:
    yield from _link_faults(topology)
    yield from _name_faults(topology)
    yield from _routing_faults(topology, kinds)
    for host in topology.hosts:
        for role, reason in kinds[host.role].needs.items():
            if not topology.of_role(role):
                yield f"hosts: saw no {role}; expected one: it {reason}, here {host.name}"
        yield from kinds[host.role].faults(topology, host)


def _link_faults(topology: Topology) -> Iterator[str]:
    zones = [zone.name for zone in topology.zones]
    for name in sorted(_TAKEN_ZONES.intersection(zones)):
        yield f"zones: saw {name!r}; expected another name, interfaces bear the zones' names and this is the kernel's"
    for host in topology.hosts:
        for key, zone in zip(("zone", *["links"] * len(host.links)), host.links, strict=False):
            if zone not in zones:
                known = ", ".join(zones)
                yield f"hosts.{host.name}.{key}: saw {zone!r}; expected one of {known}, or add it under zones"
        if host.zone in host.links[1:]:
            yield f"hosts.{host.name}.links: saw {host.zone!r}, its own zone; expected other zones only"


def _name_faults(topology: Topology) -> Iterator[str]:
    owners: dict[str, str] = {}
    for host in topology.hosts:
        if host.name == _TAKEN_HOST:
            yield f"hosts: saw {host.name!r}; expected another name, this is the namespace with the bridges"
        for name in (f"{host.name}.{topology.domain}", *host.names):
            if name in owners:
                yield f"hosts.{host.name}.names: saw {name!r}, which {owners[name]} has; expected each name once"
            owners[name] = host.name


def _routing_faults(topology: Topology, kinds: Kinds) -> Iterator[str]:
    routers = [host for host in topology.hosts if host.forwards]
    for trait, purpose in (("forwards", "joins the zones"), ("resolves", "answers DNS")):
        if not any(getattr(host, trait) for host in topology.hosts):
            able = " or ".join(sorted(name for name, kind in kinds.items() if getattr(kind, trait)))
            yield f"hosts: saw none that {purpose}; expected at least one with the role {able}"
    reached = {way.zone for way in topology.ways(routers[0])} if routers else set()
    for zone in topology.zones:
        count = sum(zone.name in router.links for router in routers)
        if count > ROUTERS_PER_ZONE:
            yield f"zones.{zone.name}: saw {count} routers; expected at most {ROUTERS_PER_ZONE}"
        if topology.linked(zone.name) and zone.name not in reached:
            yield f"zones.{zone.name}: saw no way from {routers[0].name}; expected it among the links of a router"
