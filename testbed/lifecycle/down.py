"""Remove exactly what a lab made, found by its id: also after a crash, a half-made `up`, or an edited topology."""

import shutil
from dataclasses import replace

from testbed.drivers.driver import Driver, Removed


def remove(driver: Driver) -> Removed:
    """End the lab's hosts, then its networks, mounts and files; raises `HostError` when something will not go."""
    removed = driver.remove()
    directory = driver.lab.directory
    files = directory.exists()
    if files:
        shutil.rmtree(directory)
    return replace(removed, files=files)
