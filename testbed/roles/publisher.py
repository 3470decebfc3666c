"""A publisher of a signed directory beside the software vendor: it speaks for a trust context of its own.

What a vendor's directory is called stands here, too.
"""

from collections.abc import Mapping
from typing import Any

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles.role import Role

# The trust context of the vendor, who builds all software of a lab.
VENDORS = "MOZ"
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


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        "directory_publisher_context": context(host),
        "directory_publisher_authorities": [one.name for one in plan.topology.of_role("authority")],
        "directory_publisher_export": artifacts(host),
    }


ROLE = Role(name="publisher", groups=("publishers",), variables=_variables)
