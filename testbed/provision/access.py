"""How tools reach the hosts: an SSH config, the same whatever driver made the hosts.

SSH needs no network here: each connection is one `sshd -i` inside the host, joined to ssh by ProxyCommand.
"""

from collections.abc import Iterable, Mapping, Sequence

from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.lab import Lab, write_file


def ensure_key(lab: Lab) -> None:
    """Make the key pair that opens this lab's hosts, unless it is there."""
    if lab.ssh_key.with_suffix(".pub").exists():
        return
    lab.ssh_key.parent.mkdir(parents=True, exist_ok=True)
    lab.ssh_key.unlink(missing_ok=True)
    tools.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"testbed of lab {lab.id}", "-f", lab.ssh_key])


def write(driver: Driver, hosts: Iterable[str]) -> None:
    """Write the SSH config and the known keys of hosts, as they run now."""
    names = list(hosts)
    known = "".join(f"{name} {driver.ssh_host_key(name)}\n" for name in names)
    write_file(driver.lab.ssh_config.with_name("known_hosts"), known)
    write_file(driver.lab.ssh_config, ssh_config(driver.lab, {name: driver.connection(name) for name in names}))


def ssh_config(lab: Lab, connections: Mapping[str, Sequence[str]]) -> str:
    """Render the SSH config (ssh_config(5)): an entry for each host, with the prefix that joins it."""
    directory = lab.ssh_config.parent
    entries = [f"Host {host}\n  ProxyCommand {proxy_command(prefix)}\n" for host, prefix in connections.items()]
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


def proxy_command(prefix: Sequence[str]) -> str:
    """Return what gives ssh its connection: an sshd of its own for each, in the host that the prefix joins."""
    return f"{' '.join(prefix)} /usr/sbin/sshd -i"
