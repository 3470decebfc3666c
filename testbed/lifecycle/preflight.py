"""What a machine must have before a lab can be made: each requirement is one check with its fix."""

import ctypes
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.nspawn import cgroups
from testbed.machine import tools
from testbed.machine.lab import CACHE, STATE
from testbed.machine.limits import LIMITS
from testbed.provision.image import build

_GIB = 1024**3
_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")


@dataclass(frozen=True)
class Finding:
    """The result of one check; `fault` is empty when it passed."""

    check: str
    seen: str
    fault: str = ""


def findings(hosts: int) -> Iterator[Finding]:
    """Check in turn what that many new hosts need, the most fundamental first."""
    checks: dict[str, Callable[[], str]] = _CHECKS | {"inotify": lambda: _inotify(hosts)}
    for name, check in checks.items():
        try:
            yield Finding(name, check())
        except HostError as error:
            yield Finding(name, "", str(error))


def require(hosts: int) -> None:
    """Raise `HostError` with the first need of that many new hosts that this machine does not meet."""
    for finding in findings(hosts):
        if finding.fault:
            raise HostError(finding.fault)


def require_root() -> str:
    """Raise `HostError` unless this process may make namespaces and mounts."""
    if os.geteuid() != 0:
        raise HostError(f"root is needed to make namespaces and mounts, this is user {os.geteuid()}: use sudo")
    return "root"


def _tools() -> str:
    if missing := tools.missing():
        packages = " ".join(sorted({tools.PACKAGES[tool] for tool in missing}))
        raise HostError(f"missing tools: {', '.join(missing)}: apt-get install {packages}")
    return f"{len(tools.PACKAGES)} found"


def _overlay() -> str:
    if "\toverlay\n" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        tools.run(["modprobe", "overlay"])
    return "overlayfs"


def _network() -> str:
    require_root()
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


def _disk() -> str:
    needs = {STATE: LIMITS.disk_bytes_lab, CACHE: 0 if build.wanted().built else LIMITS.disk_bytes_image}
    for directory, need in needs.items():
        if (free := _free(directory)) < need:
            raise HostError(f"{directory}: {free / _GIB:.1f} GiB free, {need / _GIB:.1f} GiB needed: make room there")
    return ", ".join(f"{_free(directory) / _GIB:.0f} GiB free below {directory}" for directory in needs)


def _free(directory: Path) -> int:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(existing).free


def _inotify(hosts: int) -> str:
    """Take as many inotify instances as the hosts will, and give them back; root has 128 of them (inotify(7))."""
    need = hosts * LIMITS.inotify_instances_per_host
    libc = ctypes.CDLL(None)
    taken = list(itertools.takewhile(lambda number: number >= 0, (libc.inotify_init() for _ in range(need))))
    for descriptor in taken:
        os.close(descriptor)
    if len(taken) < need:
        limit = int(_INOTIFY_LIMIT.read_text(encoding="ascii"))
        raise HostError(
            f"{len(taken)} of {limit} inotify instances are free, {hosts} hosts need {need}: "
            f"stop another lab, or: sysctl -w fs.inotify.max_user_instances={limit + need}"
        )
    return f"{need} instances for {hosts} hosts"


_CHECKS: dict[str, Callable[[], str]] = {
    "root": require_root,
    "tools": _tools,
    "overlay": _overlay,
    "network": _network,
    "cgroups": _cgroups,
    "disk": _disk,
}
