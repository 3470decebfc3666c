"""How a lab was made, kept with it: later verbs read this, never the topology file again, which may be edited or gone.

The plan stands in it whole, so that a lab is found as it was made also by a program that would plan otherwise today.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Any

from testbed.model.impairment import Impairment
from testbed.model.plan import Interface, Plan, Route
from testbed.model.topology import Host, Topology, Zone


@dataclass(frozen=True)
class Snapshot:
    """The checkout that made the lab, the path of its topology file then, its image, its plan."""

    checkout: str
    source: str
    image: str
    plan: Plan


def encode(snapshot: Snapshot) -> str:
    """Return the snapshot as JSON text."""
    return json.dumps(asdict(snapshot), indent=1, default=str) + "\n"


def decode(text: str) -> Snapshot:
    """Read a snapshot back; raises `ValueError` for anything that `encode` would not have written."""
    try:
        data = json.loads(text)
        return Snapshot(data["checkout"], data["source"], data["image"], _plan(data["plan"]))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _plan(data: Mapping[str, Any]) -> Plan:
    return Plan(
        _topology(data["topology"]),
        {host: tuple(map(_interface, found)) for host, found in data["interfaces"].items()},
        {host: tuple(map(_route, found)) for host, found in data["routes"].items()},
    )


def _topology(data: Mapping[str, Any]) -> Topology:
    zones = tuple(Zone(**{**zone, "impairment": Impairment(**zone.get("impairment", {}))}) for zone in data["zones"])
    return Topology(**{**data, "zones": zones, "hosts": tuple(map(_host, data["hosts"]))})


def _host(data: Mapping[str, Any]) -> Host:
    return Host(**{**data, "links": tuple(data["links"]), "names": tuple(data["names"])})


def _interface(data: Mapping[str, Any]) -> Interface:
    more = tuple(map(ip_interface, data["more"]))
    return Interface(data["zone"], data["port"], IPv4Interface(data["ipv4"]), IPv6Interface(data["ipv6"]), more)


def _route(data: Mapping[str, str]) -> Route:
    return Route(ip_network(data["to"]), ip_address(data["via"]))
