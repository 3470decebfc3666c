"""What ends by itself in a lab that was put away: status and vouchers within days, certificates within weeks."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import ROLES

_CERTIFY = ("authority", "private_authority")
_HOUR = timedelta(hours=1)
_DAYS_FROM = timedelta(days=2)


def needs_status(age: timedelta) -> bool:
    """Say whether status and vouchers may have ended, which hosts renew by themselves; also when a clock went back."""
    return not timedelta() <= age <= timedelta(hours=LIMITS.status_lasts_hours)


def needs_converge(age: timedelta) -> bool:
    """Say whether certificates or directories may have ended, which Ansible renews; also when a clock went back."""
    return not timedelta() <= age <= timedelta(days=LIMITS.converged_lasts_days)


def renew_status(driver: Driver, plan: Plan) -> None:
    """Have the authorities publish the status that is due; raises `HostError`."""
    _renew(driver, [host for host in plan.topology.hosts if host.role in _CERTIFY])


def renew_vouchers(driver: Driver, plan: Plan) -> None:
    """Have all other hosts renew what they got from the authorities; raises `HostError`."""
    _renew(driver, [host for host in plan.topology.hosts if host.role not in _CERTIFY])


def told(age: timedelta) -> str:
    """Say an age as a person does."""
    if age < _HOUR:
        return f"{age / timedelta(minutes=1):.0f} min"
    return f"{age / _HOUR:.0f} h" if age < _DAYS_FROM else f"{age.days} days"


def _renew(driver: Driver, hosts: Iterable[Host]) -> None:
    def renew(host: Host) -> None:
        tools.run(driver.enter(host.name, ROLES[host.role].renewal))

    with ThreadPoolExecutor(max_workers=LIMITS.ansible_forks) as pool:
        list(pool.map(renew, (host for host in hosts if ROLES[host.role].renewal)))
