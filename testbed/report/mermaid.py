"""The topology as text that Mermaid draws: a group for each network with its hosts, a line for each further link."""

from collections.abc import Iterator

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology, Zone


def write(plan: Plan) -> str:
    """Return a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""
    return "\n".join(["flowchart LR", *_lines(plan.topology), ""])


def _lines(topology: Topology) -> Iterator[str]:
    for zone in topology.zones:
        yield from _zone(topology, zone)
    for host in topology.hosts:
        for link in host.links[1:]:
            yield f"  {_id('host', host.name)} --- {_id('zone', link)}"


def _zone(topology: Topology, zone: Zone) -> Iterator[str]:
    title = f"{zone.name}, AS {zone.system}" if zone.system else zone.name
    hosts = [host for host in topology.hosts if host.zone == zone.name]
    if not hosts:
        yield f'  {_id("zone", zone.name)}(("{title}"))'
        return
    yield f'  subgraph {_id("zone", zone.name)} ["{title}"]'
    yield from (f"    {_node(host)}" for host in hosts)
    yield "  end"


def _node(host: Host) -> str:
    return f'{_id("host", host.name)}["{host.name}<br/>{host.role}"]'


def _id(kind: str, name: str) -> str:
    """Return an identifier that is no word of Mermaid's own; names have hyphens and no underscores."""
    return f"{kind}_{name.replace('-', '_')}"
