"""Remove exactly what a lab made, found by its id: also after a crash, a half-made `up`, or an edited topology.

Besides, what image builds left half done: with mounts in it, it is nothing that a person should have to remove.
"""

import shutil
from dataclasses import replace

from testbed.drivers.driver import Driver, Removed
from testbed.lifecycle import restore
from testbed.provision.image import workshop


def remove(driver: Driver) -> Removed:
    """End the lab's hosts, then its networks, mounts and files; raises `HostError` when something will not go."""
    removed = driver.remove()
    directory = driver.lab.directory
    files = directory.exists()
    if files:
        shutil.rmtree(directory)
    restore.clear(driver.lab)
    workshop.clear_unfinished()
    return replace(removed, files=files)
