"""The software vendor that builds the nginx module and publishes the signed directory of authorities."""

from collections.abc import Mapping
from typing import Any

from testbed.machine.lab import REPOSITORY
from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import publisher
from testbed.roles.role import Role


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    module = {"voucher_module_package_source": str(REPOSITORY / "nginx_module_shim")}
    return {**module, **publisher.published(plan.topology, host)}


ROLE = Role(
    name="vendor",
    groups=("vendors", "directory_servers"),
    needs=publisher.NEEDS,
    names=publisher.names,
    variables=_variables,
    promises=publisher.promises,
    faults=publisher.faults,
)
