"""The Ansible inventory of a lab, and Ansible's settings: what roles may ask of the lab, as variables of its hosts."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from mecai.errors import HostError
from testbed.machine.lab import REPOSITORY, Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan
from testbed.roles import ROLES

_SETTINGS = """\
[defaults]
inventory = {inventory}
collections_path = {collections}:~/.ansible/collections:/usr/share/ansible/collections
local_tmp = {temporary}
forks = {forks}
timeout = {timeout}
strategy_plugins = {strategies}
strategy = mitogen_linear
gathering = explicit
inject_facts_as_vars = false
display_skipped_hosts = false
retry_files_enabled = false
[ssh_connection]
pipelining = true
ssh_args =
"""


def write(lab: Lab, plan: Plan, wheel: Path) -> None:
    """Write the inventory and Ansible's settings, and show Ansible the collection of this checkout."""
    write_file(lab.inventory, yaml.safe_dump(inventory(lab, plan, wheel), sort_keys=False))
    write_file(lab.ansible_config, ansible_config(lab))
    collection = _collections(lab) / "ansible_collections" / "mecai" / "infrastructure"
    collection.parent.mkdir(parents=True, exist_ok=True)
    if not collection.is_symlink():
        collection.symlink_to(REPOSITORY / "ansible")


def inventory(lab: Lab, plan: Plan, wheel: Path) -> dict[str, Any]:
    """Return the inventory as data: the groups of every role, in each host what its role and its topology say."""
    variables = {
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-F {lab.ssh_config}",
        "ansible_user": "root",
        "lab_roots": str(lab.inventory.with_name("artifacts") / "roots"),
        "lab_private_roots": str(lab.inventory.with_name("artifacts") / "private-roots"),
        "runtime_wheel": str(wheel),
        "runtime_requirements": str(REPOSITORY / "requirements" / "runtime.txt"),
    }
    return {"all": {"vars": variables, "children": _groups(plan)}}


def _groups(plan: Plan) -> dict[str, dict[str, Any]]:
    roles = ROLES.values()
    groups: dict[str, dict[str, Any]] = {
        group: {"hosts": {}} for role in roles for group in (*role.groups, *role.further_groups)
    }
    for host in plan.topology.hosts:
        role = ROLES[host.role]
        variables = {**role.variables(plan, host), **host.variables}
        for group in (*role.groups, *(group for group, has in role.further_groups.items() if has(host))):
            groups[group]["hosts"][host.name] = variables
    return groups


def ansible_config(lab: Lab) -> str:
    """Render Ansible's settings for this lab; the SSH config has the connection's own."""
    return _SETTINGS.format(
        inventory=lab.inventory,
        collections=_collections(lab),
        temporary=lab.ansible_config.parent / "tmp",
        forks=LIMITS.ansible_forks,
        timeout=LIMITS.connect_seconds,
        strategies=_strategies(),
    )


def _strategies() -> Path:
    """Return the folder of mitogen's strategies, which keep a Python running in each host from task to task."""
    found = find_spec("ansible_mitogen")
    if not found or not found.submodule_search_locations:
        raise HostError("mitogen: not found: install the packages of requirements/dev.txt in this environment")
    return Path(found.submodule_search_locations[0]) / "plugins" / "strategy"


def _collections(lab: Lab) -> Path:
    return lab.directory / "collections"
