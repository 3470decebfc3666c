"""A topology file becomes a frozen model, or one line that names the file, the key, what was seen and the fix.

The shape of a file is `topology.schema.yml` (JSON Schema 2020-12); what a schema cannot say (a host's zone exists,
names are unique, there is one router) is checked here. Addresses are not in the file: see `plan`.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from mecai.errors import InputError

BUILT_IN = Path(__file__).parents[1] / "topologies"
_SCHEMA = Path(__file__).parent / "topology.schema.yml"
_DEFAULT_DOMAIN = "lab.test"
_SEEN_CHARACTERS = 80


@dataclass(frozen=True)
class Zone:
    """A network, named by what it means."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Host:
    """One machine of the lab; `variables` are for Ansible and mean nothing to the testbed."""

    name: str
    role: str
    zone: str
    names: tuple[str, ...]
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class Topology:
    """A validated topology; `digest` changes whenever the content of the file does."""

    name: str
    domain: str
    zones: tuple[Zone, ...]
    hosts: tuple[Host, ...]
    digest: str

    @property
    def router(self) -> Host:
        """The one host that has a leg in every zone."""
        return next(host for host in self.hosts if host.role == "router")

    def host(self, name: str) -> Host:
        """Find a host by name; raises `InputError`."""
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise InputError(f"no host {name!r} in topology {self.name!r}: use one of {known}")


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


def load(path: Path) -> Topology:
    """Read and validate a topology file; raises `InputError` for its first fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise InputError(f"{path}: cannot be read ({why}): give the path of a topology file") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> Topology:
    """Validate the text of a topology; `source` is the file's name for messages."""
    data = _read_yaml(text, source)
    if fault := best_match(_validator().iter_errors(data)):
        raise InputError(f"{source}: {_describe(fault)}")
    topology = Topology(
        name=data["name"],
        domain=data.get("domain", _DEFAULT_DOMAIN),
        zones=tuple(Zone(name, meaning) for name, meaning in data["zones"].items()),
        hosts=tuple(_host(name, entry) for name, entry in data["hosts"].items()),
        digest=sha256(yaml.safe_dump(data, sort_keys=False).encode()).hexdigest(),
    )
    for fault_line in _faults(topology):
        raise InputError(f"{source}: {fault_line}")
    return topology


def _host(name: str, entry: Mapping[str, Any]) -> Host:
    return Host(name, entry["role"], entry["zone"], tuple(entry.get("names", ())), entry.get("vars", {}))


def _faults(topology: Topology) -> Iterator[str]:
    zones = [zone.name for zone in topology.zones]
    known = ", ".join(zones)
    owners: dict[str, str] = {}
    if "lo" in zones:
        yield "zones: saw 'lo'; expected another name, the router's interfaces bear the zones' names and lo is loopback"
    for host in topology.hosts:
        if host.name == "switch":
            yield "hosts: saw 'switch'; expected another name, the namespace that holds the bridges bears this one"
        if host.zone not in zones:
            yield f"hosts.{host.name}.zone: saw {host.zone!r}; expected one of {known}, or add it under zones"
        for name in (f"{host.name}.{topology.domain}", *host.names):
            if name in owners:
                yield f"hosts.{host.name}.names: saw {name!r}, which {owners[name]} has; expected each name once"
            owners[name] = host.name
    routers = [host.name for host in topology.hosts if host.role == "router"]
    if len(routers) != 1:
        seen = ", ".join(routers) or "none"
        yield f"hosts: saw {seen} with the role router; expected exactly one, it joins the zones and answers DNS"


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(yaml.safe_load(_SCHEMA.read_text(encoding="utf-8")))


def _describe(fault: ValidationError) -> str:
    """Say one schema fault as `KEY: saw VALUE; expected ...`."""
    schema: Any = fault.schema
    instance: Any = fault.instance
    where = ".".join(str(part) for part in fault.absolute_path) or "the file"
    match fault.validator:
        case "required":
            seen = "no key " + next(repr(key) for key in schema["required"] if key not in instance)
        case "additionalProperties":
            seen = "the unknown key " + next(repr(key) for key in instance if key not in schema["properties"])
        case "minProperties" | "maxProperties":
            seen = f"{len(instance)} entries"
        case _:
            text = repr(instance)
            seen = text if len(text) <= _SEEN_CHARACTERS else text[:_SEEN_CHARACTERS] + "..."
    return f"{where}: saw {seen}; expected {_expectation(fault)}"


def _expectation(fault: ValidationError) -> str:
    """Return the description nearest above the fault: the schema's own words for what shall stand there."""
    path: list[Any] = list(fault.absolute_schema_path)[:-1]
    found = ""
    node: Any = _validator().schema
    for step in path:
        found = node.get("description", found) if isinstance(node, dict) else found
        node = node[step]
    return str(node.get("description", found) if isinstance(node, dict) else found)


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice, which PyYAML would silently overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                problem = "a key that is no plain word"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read_yaml(text: str, source: str) -> Any:  # noqa: ANN401 - the schema decides what it is
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source}: line {line}: {error.problem}; expected YAML, correct this line") from error
    except yaml.YAMLError as error:
        raise InputError(f"{source}: {error}; expected YAML text") from error
    except RecursionError as error:
        raise InputError(f"{source}: nested too deeply; expected a topology") from error
