"""Remove exactly what a lab made, found by its id: also after a crash, a half-made `up`, or an edited topology."""

import shutil
from dataclasses import dataclass

from testbed.drivers.nspawn import hosts, network
from testbed.machine import mounts
from testbed.machine.lab import Lab


@dataclass(frozen=True)
class Removed:
    """What was found and removed."""

    hosts: int
    namespaces: int
    mounts: int
    files: bool


def remove(lab: Lab) -> Removed:
    """End the lab's hosts, then its networks, mounts and files; raises `HostError` when something will not go."""
    ended = hosts.stop(lab)
    namespaces = network.remove(lab)
    unmounted = mounts.release(lab.directory)
    files = lab.directory.exists()
    if files:
        shutil.rmtree(lab.directory)
    return Removed(ended, namespaces, unmounted, files)
