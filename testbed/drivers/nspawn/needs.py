"""What this machine must have before it can hold such hosts."""

import ctypes
import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.driver import Need
from testbed.drivers.nspawn import cgroups
from testbed.machine import tools
from testbed.machine.limits import LIMITS

_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")


def needs(hosts: int) -> Mapping[str, Need]:
    """Name the needs of that many new hosts, the most fundamental first."""
    return {"overlay": _overlay, "network": _network, "cgroups": _cgroups, "inotify": lambda: _inotify(hosts)}


def make_room(hosts: int) -> None:
    """Raise the machine's limit of inotify instances, where that many new hosts need it; nobody takes less for it."""
    free = _free_inotify(need := hosts * LIMITS.inotify_instances_per_host)
    if free < need:
        limit = int(_INOTIFY_LIMIT.read_text(encoding="ascii"))
        tools.run(["sysctl", "--write", f"fs.inotify.max_user_instances={limit + need - free}"])


def _overlay() -> str:
    if "\toverlay\n" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        tools.run(["modprobe", "overlay"])
    return "overlayfs"


def _network() -> str:
    tools.require_root()
    script = (
        "ip link add name b0 type bridge; ip link add name v0 type veth peer name v1; ip addr add 2001:db8::1/64 dev b0"
    )
    try:
        tools.run(["unshare", "--net", "sh", "-ec", script])
    except HostError as error:
        raise HostError(f"no namespaces, bridges, veth or IPv6 here ({error}): modprobe -a bridge veth ipv6") from error
    return "namespaces, bridges, veth, IPv6"


def _cgroups() -> str:
    return str(cgroups.hierarchies()[0])


def _inotify(hosts: int) -> str:
    """See whether the hosts find as many inotify instances as they take; root has 128 of them (inotify(7))."""
    need = hosts * LIMITS.inotify_instances_per_host
    if (free := _free_inotify(need)) < need:
        limit = int(_INOTIFY_LIMIT.read_text(encoding="ascii"))
        raise HostError(
            f"{free} of {limit} inotify instances are free, {hosts} hosts need {need}: "
            f"stop another lab, or (testbed up does it): sysctl -w fs.inotify.max_user_instances={limit + need}"
        )
    return f"{need} instances for {hosts} hosts"


def _free_inotify(need: int) -> int:
    """Take so many inotify instances, or as many as there are, and give them back; returns how many there were."""
    libc = ctypes.CDLL(None)
    taken = list(itertools.takewhile(lambda number: number >= 0, (libc.inotify_init() for _ in range(need))))
    for descriptor in taken:
        os.close(descriptor)
    return len(taken)
