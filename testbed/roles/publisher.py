"""A publisher of a signed directory beside the software vendor: it speaks for a trust context of its own.

What a vendor's directory is called stands here, too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles import tls_server
from testbed.roles.role import Check, Role, fetch

# The trust context of the vendor, who builds all software of a lab.
VENDORS = "MOZ"
# What makes its web server trusted.
NEEDS = {"authority": "certifies the web server of directories"}
# The topology's own word: the trust context that a publisher speaks for.
_CONTEXT = "context"


def context(host: Host) -> str:
    """Return the trust context of a publisher, or of the vendor."""
    return VENDORS if host.role == "vendor" else str(host.variables.get(_CONTEXT, "ALT"))


def folder(host: Host) -> str:
    """Return where the directory of a publisher, or of the vendor, lies on hosts that go by it."""
    return "/etc/mecai" if host.role == "vendor" else f"/etc/mecai/contexts/{context(host)}"


def artifacts(host: Host) -> str:
    """Return where its directory goes on the control machine, as an Ansible expression."""
    return f"{{{{ inventory_dir }}}}/.artifacts/{host.name}"


def contexts(topology: Topology) -> list[dict[str, str]]:
    """List the further contexts and where their directories are, as the role `directory_consumer` takes them."""
    return [{"name": context(host), "source": artifacts(host)} for host in topology.of_role("publisher")]


def names(host: str) -> tuple[str, ...]:
    """Return the name of the web server of a publisher, or of the vendor, where the topology gives none."""
    return (f"directory.{host}.test",)


def url(host: Host) -> str:
    """Return where Voucher Authorities fetch the directory of a publisher, or of the vendor."""
    return f"https://{host.names[0]}/directory.der"


def published(topology: Topology, host: Host) -> Mapping[str, Any]:
    """Return what a publisher signs, or the vendor, and where it is served, as Ansible's roles take it."""
    return {
        "directory_publisher_context": context(host),
        "directory_publisher_authorities": [one.name for one in topology.of_role("authority")],
        "directory_server_host_name": host.names[0],
        "directory_server_authority": tls_server.issuer(topology, host),
    }


def promises(_plan: Plan, host: Host) -> Iterator[Check]:
    """Yield the check of a publisher, and of the vendor: the directory is there to be fetched."""
    trust = ("--cacert", f"/etc/ssl/certs/{host.names[0]}.pem")  # its own chain: curl is content with an intermediate
    yield Check("serves its directory", host.name, fetch(url(host), *trust))


def faults(topology: Topology, host: Host) -> Iterator[str]:
    """Yield what is wrong with the web server of a publisher, or of the vendor, and with its trust context."""
    if not host.names:
        yield f"hosts.{host.name}.names: saw none; expected that of its web server, or no key names"
    others = (*topology.of_role("vendor"), *topology.of_role("publisher"))
    for other in others[: others.index(host)]:
        if context(other) == context(host):
            seen = f"{context(host)!r}, which {other.name} speaks for"
            yield f"hosts.{host.name}.vars.{_CONTEXT}: saw {seen}; expected another, each context has one publisher"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {**published(plan.topology, host), "directory_publisher_export": artifacts(host)}


ROLE = Role(
    name="publisher",
    groups=("publishers", "directory_servers"),
    needs=NEEDS,
    names=names,
    variables=_variables,
    promises=promises,
    faults=faults,
)
