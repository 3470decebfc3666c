"""What a machine must have before a lab can be made: each requirement is one check with its fix."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.driver import Driver, Need
from testbed.machine import tools
from testbed.machine.lab import CACHE, STATE
from testbed.machine.limits import LIMITS
from testbed.provision.image import build

_GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """The result of one check; `fault` is empty when it passed."""

    check: str
    seen: str
    fault: str = ""


def findings(driver: Driver, hosts: int) -> Iterator[Finding]:
    """Check in turn what that many new hosts need, the most fundamental first."""
    needs: Mapping[str, Need] = {"root": tools.require_root, "tools": _tools, **driver.needs(hosts), "disk": _disk}
    for name, need in needs.items():
        try:
            yield Finding(name, need())
        except HostError as error:
            yield Finding(name, "", str(error))


def require(driver: Driver, hosts: int) -> None:
    """Raise `HostError` with the first need of that many new hosts that this machine does not meet."""
    for finding in findings(driver, hosts):
        if finding.fault:
            raise HostError(finding.fault)


def _tools() -> str:
    if missing := tools.missing():
        packages = " ".join(sorted({tools.PACKAGES[tool] for tool in missing}))
        raise HostError(f"missing tools: {', '.join(missing)}: apt-get install {packages}")
    return f"{len(tools.PACKAGES)} found"


def _disk() -> str:
    needs = {STATE: LIMITS.disk_bytes_lab, CACHE: 0 if build.wanted().built else LIMITS.disk_bytes_image}
    for directory, need in needs.items():
        if (free := _free(directory)) < need:
            raise HostError(f"{directory}: {free / _GIB:.1f} GiB free, {need / _GIB:.1f} GiB needed: make room there")
    return ", ".join(f"{_free(directory) / _GIB:.0f} GiB free below {directory}" for directory in needs)


def _free(directory: Path) -> int:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    return shutil.disk_usage(existing).free
