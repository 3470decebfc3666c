"""Boot one host of a lab anew, its files as they are."""

from testbed.drivers.driver import Driver
from testbed.machine.waiting import Note
from testbed.model.snapshot import Snapshot
from testbed.provision import access
from testbed.provision.image import build


def restart(driver: Driver, made: Snapshot, host: str, note: Note) -> None:
    """End the host and boot it, and with it what else does not run; raises `HostError`, `InputError` for no host."""
    made.plan.topology.host(host)
    note(f"{host}: powering off")
    driver.stop(host)
    driver.ensure_hosts(made.plan, build.Image(made.image).root, note)
    # The ways in are by the number of a host's first process, which is another one now.
    access.write(driver, [one.name for one in made.plan.topology.hosts])
