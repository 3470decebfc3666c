"""Boot, find, enter and stop hosts: systemd-nspawn containers with Debian's own systemd as PID 1.

A host runs while its PID 1 (`leader`) and the systemd-nspawn that supervises it both do. Entering needs no network:
`nsenter` joins the leader's namespaces (nsenter(1)).
"""

import contextlib
import os
import signal
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.driver import State
from testbed.drivers.nspawn import cgroups, entered, overlay
from testbed.machine import mounts, tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import Note, until
from testbed.model.plan import Plan

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = ["env", "--ignore-environment", "--chdir=/root", "HOME=/root", "USER=root", "LANG=C.UTF-8", _PATH]
_RUN = Path("/run/systemd/nspawn")
# What systemd-nspawn makes below it for each host, under the host's label (systemd 252, 257).
_TRACES = ("propagate", "unix-export")
# systemd's signal for "power off in good order", sent to its PID 1 (systemd(1), SIGNALS).
_POWER_OFF = signal.SIGRTMIN + 4


def ensure(lab: Lab, plan: Plan, image: Path, note: Note) -> int:
    """Boot every host that does not run, all at once, and wait until all do; returns how many were booted."""
    names = [host.name for host in plan.topology.hosts]
    cgroups.thaw(lab.label(name) for name in names)
    absent = [name for name in names if state(lab, name) != "running"]
    new = {name for name in absent if not overlay.was_booted(lab, name)}
    for name in absent:
        _end(lab, name)
        overlay.ensure(lab, name, image)
        overlay.write_identity(lab, plan, name)
        _start(lab, name)
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        for count, _ in enumerate(pool.map(lambda name: _await_boot(lab, name, new=name in new), names), start=1):
            note(f"{count} of {len(names)} running")
    return len(absent)


def state(lab: Lab, host: str) -> State:
    """Say `running`, `orphaned` (its supervisor was killed) or `stopped`."""
    if cgroups.leader(lab.label(host)) is None:
        return "stopped"
    return "running" if cgroups.supervisor(lab.label(host)) else "orphaned"


def memory(lab: Lab, host: str) -> int:
    """Return the bytes that the host's processes hold, its supervisor's among them."""
    return cgroups.memory(lab.label(host))


def enter(lab: Lab, host: str, argv: Sequence[str]) -> list[str]:
    """Return the command that runs `argv` inside a host; raises `HostError` when the host is not there."""
    terminal = f"TERM={os.environ.get('TERM', 'dumb')}"
    return [*join_prefix(lab, host), *_ENVIRONMENT, terminal, *argv]


def join_prefix(lab: Lab, host: str) -> list[str]:
    """Return the command prefix that joins all of a host's namespaces; raises `HostError` when it is not there."""
    leader = cgroups.leader(lab.label(host))
    if leader is None:
        raise HostError(f"host {host} of lab {lab.id} is stopped: start it with: testbed up --lab {lab.id}")
    return ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"]


def console(lab: Lab, host: str) -> Path:
    """Return the file with everything the host said on its console, the last boot only."""
    return lab.host_directory(host) / "console.log"


def present(lab: Lab) -> set[str]:
    """List the labels of all hosts that carry the lab's id, running or half dead."""
    return cgroups.labels(lab.label("*"))


def stop(lab: Lab, *, at_once: bool = False) -> tuple[set[str], set[str]]:
    """End every host that carries the lab's id; returns the hosts, and which of them had to be killed.

    `at_once` asks none to power off, and none counts as killed then.
    """
    labels = present(lab)
    if at_once:
        cgroups.kill(labels)  # all of them, before any is waited for
    stubborn = set() if at_once else _halt(labels)
    traces = {path.name for kind in _TRACES for path in (_RUN / kind).glob(lab.label("*"))}
    for label in labels | traces:
        _end(lab, label.removeprefix(lab.label("")))
    ended, killed = ({label.removeprefix(lab.label("")) for label in some} for some in (labels, stubborn))
    return ended, killed


def stop_one(lab: Lab, host: str) -> None:
    """End one host, in good order if it can be had, else at once."""
    _halt({lab.label(host)})
    _end(lab, host)


def _halt(labels: Collection[str]) -> set[str]:
    """Let hosts power themselves off, all at once; returns the labels of those that did not in time."""
    cgroups.thaw(labels)
    leaders = [leader for label in labels if (leader := cgroups.leader(label))]
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader, _POWER_OFF)

    def halted() -> bool:
        entered.wake(leaders)
        return not any(map(cgroups.processes, labels))

    with contextlib.suppress(HostError):
        until(halted, LIMITS.halt_seconds, lambda: "hosts do not halt")
    return {label for label in labels if cgroups.processes(label)}


def _end(lab: Lab, host: str) -> None:
    """End what is left of a host, and remove what systemd-nspawn leaves behind when it is killed.

    A later systemd-nspawn refuses a mount point that is still there; nobody else ever removes these files.
    """
    cgroups.end(lab.label(host))
    for kind in _TRACES:
        trace = _RUN / kind / lab.label(host)
        mounts.release(trace)
        if trace.exists():
            trace.rmdir()
    if (root := overlay.root(lab, host)).exists():
        found = root.stat()
        (_RUN / "locks" / f"inode-{found.st_dev}:{found.st_ino}").unlink(missing_ok=True)


def _start(lab: Lab, host: str) -> None:
    label = lab.label(host)
    command = [
        *cgroups.starter(label),
        *("setsid", "--fork"),  # the host outlives this process and its terminal
        "env",
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",  # Debian 13's systemd refuses cgroup v1
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--machine={label}",
        f"--hostname={host}",
        f"--directory={overlay.root(lab, host)}",
        f"--network-namespace-path=/run/netns/{label}",
        "--register=no",
        "--keep-unit",
        "--console=read-only",
        "--capability=CAP_NET_ADMIN",
        "--kill-signal=SIGRTMIN+3",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        f"systemd.default_timeout_start_sec={LIMITS.unit_start_seconds:.0f}",  # systemd in a container reads it here
    ]
    tools.run_detached(command, console(lab, host))


def _await_boot(lab: Lab, host: str, *, new: bool) -> None:
    """Wait until systemd has started everything; a failed unit is refused on a new host, else left to `health`."""
    said = until(
        lambda: _boot_result(lab, host),
        LIMITS.boot_seconds,
        lambda: f"host {host}: does not boot; log {console(lab, host)}",
    )
    if new and said == "degraded":
        units = tools.answer(enter(lab, host, ["systemctl", "list-units", "--failed", "--plain", "--no-legend"]))
        failed = ", ".join(line.split()[0] for line in units.splitlines())
        raise HostError(f"host {host}: booted, but these units failed: {failed}; log {console(lab, host)}")


def _boot_result(lab: Lab, host: str) -> str | None:
    """Return `running` or `degraded`, None while the host is not so far; raises `HostError` when it has ended."""
    if not cgroups.processes(lab.label(host)):
        raise HostError(f"host {host}: ended while it booted; log {console(lab, host)}")
    if cgroups.leader(lab.label(host)) is None:
        return None
    question = enter(lab, host, ["systemctl", "is-system-running", "--wait"])
    said = tools.answer(question, seconds=LIMITS.boot_seconds)
    return said if said in {"running", "degraded"} else None
