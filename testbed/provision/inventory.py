"""The Ansible inventory of a lab, and Ansible's settings: what roles may ask of the lab, as variables of its hosts."""

from pathlib import Path
from typing import Any

import yaml

from testbed.machine.lab import REPOSITORY, Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan
from testbed.roles import ROLES


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
    groups: dict[str, dict[str, Any]] = {group: {"hosts": {}} for role in ROLES.values() for group in role.groups}
    for host in plan.topology.hosts:
        role = ROLES[host.role]
        variables = {**role.variables(plan, host), **host.variables}
        for group in role.groups:
            groups[group]["hosts"][host.name] = variables
    variables = {
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-F {lab.ssh_config}",
        "ansible_user": "root",
        "lab_roots": str(lab.inventory.with_name("artifacts") / "roots"),
        "runtime_wheel": str(wheel),
        "runtime_requirements": str(REPOSITORY / "requirements" / "runtime.txt"),
    }
    return {"all": {"vars": variables, "children": groups}}


def ansible_config(lab: Lab) -> str:
    """Render Ansible's settings for this lab; the SSH config has the connection's own."""
    return (
        "[defaults]\n"
        f"inventory = {lab.inventory}\n"
        f"collections_path = {_collections(lab)}:~/.ansible/collections:/usr/share/ansible/collections\n"
        f"local_tmp = {lab.ansible_config.parent / 'tmp'}\n"
        f"forks = {LIMITS.ansible_forks}\n"
        "gathering = explicit\n"
        "inject_facts_as_vars = false\n"
        "display_skipped_hosts = false\n"
        "retry_files_enabled = false\n"
        "[ssh_connection]\n"
        "pipelining = true\n"
        "ssh_args =\n"
    )


def _collections(lab: Lab) -> Path:
    return lab.directory / "collections"
