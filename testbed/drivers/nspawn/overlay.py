"""A file system for each host: an overlayfs over the shared base image, and the files that make it that host."""

import hashlib
from pathlib import Path

from mecai.errors import HostError
from testbed.machine import mounts, tools
from testbed.machine.lab import Lab, write_file
from testbed.model.plan import Plan

_HOST_KEY = "etc/ssh/ssh_host_ed25519_key.pub"
# Where this machine reads and writes among the files of a host.
_WRITTEN = ("etc", "etc/ssh", _HOST_KEY, "root", "root/.ssh")


def root(lab: Lab, host: str) -> Path:
    """Return where a host's merged file system is mounted."""
    return lab.host_directory(host) / "root"


def upper(lab: Lab, host: str) -> Path:
    """Return the layer that holds all that the host wrote."""
    return lab.host_directory(host) / "upper"


def ensure(lab: Lab, host: str, image: Path) -> None:
    """Mount the host's file system, unless it is mounted; what the host wrote before a crash is kept."""
    if mounts.below(root(lab, host)):
        return
    directory = lab.host_directory(host)
    layers = {"lowerdir": image, "upperdir": upper(lab, host), "workdir": directory / "work"}
    for path in (layers["upperdir"], layers["workdir"], root(lab, host)):
        path.mkdir(parents=True, exist_ok=True)
    options = ",".join(f"{name}={path}" for name, path in layers.items())
    tools.run(["mount", "-t", "overlay", "-o", options, lab.label(host), root(lab, host)])


def write_identity(lab: Lab, plan: Plan, host: str) -> None:
    """Write what makes the host itself: name, machine id, resolver, the lab's SSH key. Only while it is not running.

    A fixed machine id (machine-id(5)) also tells systemd that this is no first boot, so that it applies no presets.
    """
    _refuse_links(lab, host)
    etc = root(lab, host) / "etc"
    full_name = f"{host}.{plan.topology.domain}"
    own = "".join(f"{address} {full_name} {host}\n" for address in plan.addresses(host))
    resolvers = "".join(f"nameserver {address}\n" for address in plan.addresses(plan.resolver(host).name))
    write_file(etc / "hostname", f"{host}\n")
    write_file(etc / "machine-id", hashlib.sha256(lab.label(host).encode()).hexdigest()[:32] + "\n", 0o444)
    write_file(etc / "hosts", f"127.0.0.1 localhost\n::1 localhost\n{own}")
    write_file(etc / "resolv.conf", f"{resolvers}options timeout:1 attempts:3\n")
    home = root(lab, host) / "root" / ".ssh"
    home.mkdir(mode=0o700, exist_ok=True)
    write_file(home / "authorized_keys", lab.ssh_key.with_suffix(".pub").read_text(encoding="ascii"), 0o600)


def _refuse_links(lab: Lab, host: str) -> None:
    """Raise `HostError` where a host's files, which others may have written, would lead this machine's root astray."""
    for name in _WRITTEN:
        if (root(lab, host) / name).is_symlink():
            raise HostError(f"host {host}: /{name} is a link, and may lead out of it: testbed down --lab {lab.id}")


def was_booted(lab: Lab, host: str) -> bool:
    """Say whether the host has ever been up, which its SSH key tells."""
    return (upper(lab, host) / _HOST_KEY).exists()


def ssh_host_key(lab: Lab, host: str) -> str:
    """Read the public SSH key that the host made at its first boot: type and key, without the comment."""
    return " ".join((root(lab, host) / _HOST_KEY).read_text(encoding="ascii").split()[:2])
