"""What a machine must have before a lab can be made: each requirement is one check with its fix."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mecai.protocol.errors import HostError
from testbed import tools
from testbed.image import build
from testbed.lab import CACHE, STATE
from testbed.limits import LIMITS
from testbed.nspawn import cgroups

_GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """The result of one check; `fault` is empty when it passed."""

    check: str
    seen: str
    fault: str = ""


def findings() -> Iterator[Finding]:
    """Make each check in turn, the cheapest and most fundamental first."""
    for name, check in _CHECKS.items():
        try:
            yield Finding(name, check())
        except HostError as error:
            yield Finding(name, "", str(error))


def require() -> None:
    """Raise `HostError` with the first requirement that this machine does not meet."""
    for finding in findings():
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
    script = "ip link add name b0 type bridge; ip link add name v0 type veth peer name v1; ip addr add 2001:db8::1/64 dev b0"
    try:
        tools.run(["unshare", "--net", "sh", "-ec", script])
    except HostError as error:
        raise HostError(f"the kernel lacks namespaces, bridges, veth or IPv6 ({error}): modprobe bridge veth") from error
    return "namespaces, bridges, veth, IPv6"


def _cgroups() -> str:
    return str(cgroups.hierarchies()[0])


def _disk() -> str:
    need = LIMITS.disk_bytes_lab + (0 if build.wanted().built else LIMITS.disk_bytes_image)
    for directory in (STATE, CACHE):
        existing = next(path for path in (directory, *directory.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        if free < need:
            raise HostError(
                f"{directory}: {free / _GIB:.1f} GiB free, {need / _GIB:.1f} GiB are needed: make room there"
            )
    return f"{free / _GIB:.0f} GiB free"


_CHECKS: dict[str, Callable[[], str]] = {
    "root": require_root,
    "tools": _tools,
    "overlay": _overlay,
    "network": _network,
    "cgroups": _cgroups,
    "disk": _disk,
}
