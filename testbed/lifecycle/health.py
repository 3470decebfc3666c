"""Health in meaning: what each role is for, asked of the running host, so that "healthy" says that it does its work.

A host is `down` when it does not run, `degraded` when it runs and a check of its role fails, `healthy` otherwise.
"""

import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until
from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import ROLES
from testbed.roles.role import Check

# Says which units failed (systemctl(1)).
_UNITS = """\
state=$(systemctl is-system-running) && exit 0
failed=$(systemctl list-units --failed --plain --no-legend | cut -d" " -f1 | xargs)
echo "$state${failed:+: $failed}"
exit 1"""


@dataclass(frozen=True)
class BrokenPromise:
    """A promise that does not hold, what was said instead, and the command that shows it."""

    promise: str
    said: str
    command: str


@dataclass(frozen=True)
class HostStatus:
    """What a host is and how it is."""

    name: str
    role: str
    zone: str
    state: str
    health: str
    addresses: tuple[str, str]
    problems: tuple[BrokenPromise, ...]


def observe(driver: Driver, plan: Plan) -> list[HostStatus]:
    """Check all hosts, some at once; never raises for a sick host.

    Checks cost this machine's processors: of all hosts at once each would take longer than it may.
    """
    with ThreadPoolExecutor(max_workers=LIMITS.health_hosts_at_once) as pool:
        return list(pool.map(lambda host: _observe(driver, plan, host), plan.topology.hosts))


def await_healthy(driver: Driver, plan: Plan) -> list[HostStatus]:
    """Wait until every host is healthy; raises `HostError` with what is not."""
    statuses: list[HostStatus] = []

    def all_healthy() -> list[HostStatus] | None:
        statuses[:] = observe(driver, plan)
        return statuses if all(status.health == "healthy" for status in statuses) else None

    interval = LIMITS.health_interval_seconds
    return until(all_healthy, LIMITS.health_settle_seconds, lambda: describe(statuses), interval=interval)


def describe(statuses: Sequence[HostStatus]) -> str:
    """Name every host that is not healthy and what it does not do, in one line."""
    sick = [status for status in statuses if status.problems]
    faults = (f"{status.name} ({', '.join(problem.promise for problem in status.problems)})" for status in sick)
    return f"{len(sick)} of {len(statuses)} hosts do not do what they promise: {', '.join(faults)}"


def checks(plan: Plan, host: Host) -> Iterator[Check]:
    """List what a host must do: what every host must, then what its role must."""
    yield Check("no unit failed", host.name, ["sh", "-c", _UNITS], ["systemctl", "--failed"])
    yield from ROLES[host.role].promises(plan, host)


def _observe(driver: Driver, plan: Plan, host: Host) -> HostStatus:
    state = driver.state(host.name)
    if state == "running":
        problems = tuple(problem for check in checks(plan, host) for problem in _problems(driver, check))
        health = "degraded" if problems else "healthy"
    else:
        problems, health = (BrokenPromise("runs", state, f"testbed up --lab {driver.lab.id}"),), "down"
    return HostStatus(host.name, host.role, host.zone, state, health, plan.addresses(host.name), problems)


def _problems(driver: Driver, check: Check) -> Iterator[BrokenPromise]:
    """Run one check; yields a problem if the promise does not hold."""
    try:
        tools.run(driver.enter(check.on, check.command), seconds=LIMITS.health_check_seconds)
    except HostError as error:
        said = error.said if isinstance(error, tools.ToolFailed) else str(error)
        again = f"testbed exec --lab {driver.lab.id} {check.on} -- {shlex.join(check.look or check.command)}"
        yield BrokenPromise(check.promise, said, again)
