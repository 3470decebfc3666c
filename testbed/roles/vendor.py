"""The software vendor that builds the nginx module and publishes the signed directory of authorities."""

from collections.abc import Mapping
from typing import Any

from testbed.machine.lab import REPOSITORY
from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import publisher
from testbed.roles.role import Role


def _variables(plan: Plan, _host: Host) -> Mapping[str, Any]:
    return {
        "voucher_module_package_source": str(REPOSITORY / "nginx_module_shim"),
        "directory_publisher_context": publisher.VENDORS,
        "directory_publisher_authorities": [host.name for host in plan.topology.of_role("authority")],
    }


ROLE = Role(name="vendor", groups=("vendors",), variables=_variables)
