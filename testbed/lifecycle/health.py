"""Health in meaning: what each role is for, asked of the running host, so that "healthy" says that it does its work.

A host is `down` when it does not run, `degraded` when it runs and a check of its role fails, `healthy` otherwise.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mecai.errors import HostError
from testbed.drivers.nspawn import hosts
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until
from testbed.model.plan import Plan
from testbed.model.topology import Host


@dataclass(frozen=True)
class Check:
    """A command that succeeds, on the host `on`, when a promise of the checked host holds."""

    promise: str
    on: str
    command: Sequence[str]


@dataclass(frozen=True)
class Problem:
    """A promise that does not hold, what was said instead, and the command that shows it."""

    promise: str
    said: str
    command: str


@dataclass(frozen=True)
class Status:
    """What a host is and how it is."""

    name: str
    role: str
    zone: str
    state: str
    health: str
    addresses: tuple[str, str]
    problems: tuple[Problem, ...]


def observe(lab: Lab, plan: Plan) -> list[Status]:
    """Check all hosts at once; never raises for a sick host."""
    with ThreadPoolExecutor(max_workers=len(plan.topology.hosts)) as pool:
        return list(pool.map(lambda host: _observe(lab, plan, host), plan.topology.hosts))


def await_healthy(lab: Lab, plan: Plan) -> list[Status]:
    """Wait until every host is healthy; raises `HostError` with what is not."""
    statuses: list[Status] = []

    def all_healthy() -> list[Status] | None:
        statuses[:] = observe(lab, plan)
        return statuses if all(status.health == "healthy" for status in statuses) else None

    interval = LIMITS.health_interval_seconds
    return until(all_healthy, LIMITS.health_settle_seconds, lambda: describe(statuses), interval=interval)


def describe(statuses: Sequence[Status]) -> str:
    """Name every host that is not healthy and what it does not do, in one line."""
    sick = [status for status in statuses if status.problems]
    faults = (f"{status.name} ({', '.join(problem.promise for problem in status.problems)})" for status in sick)
    return f"{len(sick)} of {len(statuses)} hosts do not do what they promise: {', '.join(faults)}"


def checks(plan: Plan, host: Host) -> Iterator[Check]:
    """List what a host must do: what every host must, then what its role must."""
    yield Check("no unit failed", host.name, ["systemctl", "is-system-running"])
    yield from _ROLES[host.role](plan, host)


def _router(plan: Plan, router: Host) -> Iterator[Check]:
    others = [host for host in plan.topology.hosts if host is not router]
    for host in others[-1:]:
        name = next(iter(host.names), f"{host.name}.{plan.topology.domain}")
        yield Check("resolves to IPv4", router.name, ["getent", "ahostsv4", name])
        yield Check("resolves to IPv6", router.name, ["getent", "ahostsv6", name])
        for address in plan.addresses(host.name):
            yield Check(f"forwards to {address}", others[0].name, ["ping", "-c", "1", "-W", "2", address])


def _authority(_plan: Plan, host: Host) -> Iterator[Check]:
    for name in host.names:
        service, _, _ = name.partition(".")
        if service == "ocsp":
            yield Check("the OCSP responder is ready", host.name, _fetch(f"http://{name}/readyz"))
        if service == "vas":
            yield Check("the VAS is ready", host.name, _fetch(f"https://{name}/readyz", "--cacert", _ROOT))


def _tls_server(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("has fresh vouchers to staple", host.name, ["mecai", "sidecar", "status"])
    yield Check("nginx runs", host.name, ["systemctl", "is-active", "nginx.service"])


def _nothing_more(_plan: Plan, _host: Host) -> Iterator[Check]:
    return iter(())


_ROOT = "/var/lib/mecai-ca-public/root.pem"
_ROLES: dict[str, Callable[[Plan, Host], Iterator[Check]]] = {
    "router": _router,
    "authority": _authority,
    "tls_server": _tls_server,
    "client": _nothing_more,
    "attacker": _nothing_more,
    "vendor": _nothing_more,
}


def _fetch(url: str, *options: str) -> list[str]:
    return ["curl", "--fail", "--silent", "--show-error", "--max-time", "5", "--output", "/dev/null", *options, url]


def _observe(lab: Lab, plan: Plan, host: Host) -> Status:
    state = hosts.state(lab, host.name)
    if state == "running":
        problems = tuple(problem for check in checks(plan, host) for problem in _problems(lab, check))
        health = "degraded" if problems else "healthy"
    else:
        problems, health = (Problem("runs", state, f"testbed up --lab {lab.id}"),), "down"
    return Status(host.name, host.role, host.zone, state, health, plan.addresses(host.name), problems)


def _problems(lab: Lab, check: Check) -> Iterator[Problem]:
    """Run one check; yields a problem if the promise does not hold."""
    try:
        tools.run(hosts.enter(lab, check.on, list(check.command)), seconds=LIMITS.health_check_seconds)
    except HostError as error:
        said = re.sub(r"^.*exit code \d+: ", "", str(error))
        yield Problem(check.promise, said, f"testbed exec --lab {lab.id} {check.on} -- {shlex.join(check.command)}")
