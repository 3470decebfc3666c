"""Put a running lab away on a person's word."""

from pathlib import Path

from mecai.errors import InputError
from testbed.drivers.driver import Driver
from testbed.lifecycle import health, kept
from testbed.machine.waiting import Note
from testbed.model.snapshot import Snapshot
from testbed.scenarios import journal


def save(driver: Driver, made: Snapshot, file: Path, note: Note, *, with_image: bool = False) -> int:
    """Write a healthy lab into an archive; returns its size in octets. Raises `InputError`, `HostError`.

    What is saved can be restored only when it does what it promises; and an attack would be restored with it.
    """
    lab = driver.lab
    if under_way := journal.read(lab):
        raise InputError(
            f"lab {lab.id}: the attack {under_way.scenario} is under way: testbed attack stop --lab {lab.id}, then save"
        )
    note("asking every host")
    statuses = health.observe(driver, made.plan)
    if any(status.problems for status in statuses):
        raise InputError(f"lab {lab.id}: {health.describe(statuses)}: testbed up --lab {lab.id}, then save")
    note("packing, with the hosts at a standstill")
    return kept.store(driver, made, file, with_image=with_image)
