"""How tools reach the hosts: an SSH config and an Ansible inventory, the same whatever driver made the hosts.

SSH needs no network here: each connection is one `sshd -i` inside the host, joined to ssh by ProxyCommand.
"""

from pathlib import Path
from typing import Any

import yaml

from testbed.machine import tools
from testbed.machine.lab import REPOSITORY, Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan

# Ansible group of each role.
GROUPS = {
    "router": "routers",
    "authority": "authorities",
    "tls_server": "tls_servers",
    "client": "clients",
    "attacker": "attackers",
    "vendor": "vendors",
}


def ensure_key(lab: Lab) -> None:
    """Make the key pair that opens this lab's hosts, unless it is there."""
    if lab.ssh_key.with_suffix(".pub").exists():
        return
    lab.ssh_key.parent.mkdir(parents=True, exist_ok=True)
    lab.ssh_key.unlink(missing_ok=True)
    tools.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"testbed of lab {lab.id}", "-f", lab.ssh_key])


def write(lab: Lab, plan: Plan, joins: dict[str, list[str]], host_keys: dict[str, str], wheel: Path) -> None:
    """Write the SSH config, the known host keys, the inventory and Ansible's settings.

    `joins` holds for each host the command prefix that enters it, `host_keys` its public SSH key.
    """
    known = "".join(f"{host} {key}\n" for host, key in host_keys.items())
    write_file(lab.ssh_config.with_name("known_hosts"), known)
    write_file(lab.ssh_config, ssh_config(lab, joins))
    write_file(lab.inventory, yaml.safe_dump(inventory(lab, plan, wheel), sort_keys=False))
    write_file(lab.ansible_config, ansible_config(lab))
    _link(_collections(lab) / "ansible_collections" / "mecai" / "infrastructure", REPOSITORY / "ansible")
    # Beside the inventory they hold for every playbook, the collection's as well.
    _link(lab.inventory.with_name("group_vars"), REPOSITORY / "testbed" / "provision" / "converge" / "group_vars")


def ssh_config(lab: Lab, joins: dict[str, list[str]]) -> str:
    """Render the SSH config, one entry for each host and what is common to all (ssh_config(5))."""
    directory = lab.ssh_config.parent
    entries = [f"Host {host}\n  ProxyCommand {proxy_command(join)}\n" for host, join in joins.items()]
    common = {
        "User": "root",
        "IdentityFile": lab.ssh_key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": directory / "known_hosts",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ControlMaster": "auto",
        "ControlPath": directory / "%n.master",
        "ControlPersist": "60",
        "LogLevel": "ERROR",
    }
    return "\n".join([*entries, "Host *", *(f"  {key} {value}" for key, value in common.items()), ""])


def proxy_command(join: list[str]) -> str:
    """Return what gives ssh its connection: an sshd of its own for each, in the host that the prefix enters."""
    return f"{' '.join(join)} /usr/sbin/sshd -i"


def inventory(lab: Lab, plan: Plan, wheel: Path) -> dict[str, Any]:
    """Return the Ansible inventory as data: one group for each role, all that roles may ask of the lab as variables."""
    topology = plan.topology
    groups: dict[str, dict[str, Any]] = {group: {"hosts": {}} for group in GROUPS.values()}
    for host in topology.hosts:
        lab_host = {
            "name": host.name,
            "role": host.role,
            "zone": host.zone,
            "addresses": list(plan.addresses(host.name)),
            "names": list(host.names),
        }
        groups[GROUPS[host.role]]["hosts"][host.name] = {"lab_host": lab_host, **host.variables}
    records = [{"name": record.name, "type": record.type, "address": record.address} for record in plan.records()]
    variables = {
        "lab": {"id": lab.id, "topology": topology.name, "domain": topology.domain},
        "lab_records": records,
        "mecai_wheel": str(wheel),
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": f"-F {lab.ssh_config}",
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


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(target)
