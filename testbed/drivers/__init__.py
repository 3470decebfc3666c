"""What makes hosts out of a plan: `Driver` says what that is, each driver is a room of its own, chosen here alone."""

from testbed.drivers.driver import Driver
from testbed.drivers.nspawn.driver import NspawnDriver
from testbed.machine.lab import Lab


def driver_of(lab: Lab) -> Driver:
    """Return the driver of a lab's hosts."""
    return NspawnDriver(lab)
