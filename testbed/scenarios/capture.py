"""Look at a running lab from outside: packets of a host or a network, and the keys with which Wireshark reads them.

While a capture is under way each host has a folder for keys; what `testbed exec` runs there writes its keys into it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecai.errors import HostError, InputError
from testbed.drivers.driver import Driver
from testbed.machine import locks
from testbed.machine.lab import Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.machine.signals import unwinding
from testbed.model.plan import Plan
from testbed.scenarios import recorder
from testbed.scenarios.hosts import Run, on_hosts
from testbed.scenarios.recorder import Wire

_FOLDER: Final = "/run/mecai-capture"
_KEYS: Final = f"{_FOLDER}/keys.log"
_BEGIN: Final = f"rm -rf {_FOLDER}; umask 077; mkdir {_FOLDER}"
_END: Final = f"cat {_KEYS} 2>/dev/null; rm -rf {_FOLDER}"
_KEEPING: Final = f'[ ! -d {_FOLDER} ] || export SSLKEYLOGFILE={_KEYS}; exec "$@"'


@dataclass(frozen=True)
class Captured:
    """What was written: packets and keys, how many of the latter, whether the limit of the size was reached."""

    packets: Path
    keys: Path
    secrets: int
    full: bool


def keeping_keys(words: Sequence[str]) -> list[str]:
    """Return the command that runs `words` on a host so that a capture under way gets its keys (SSLKEYLOGFILE)."""
    return ["sh", "-c", _KEEPING, "sh", *words]


def wire(plan: Plan, name: str) -> Wire:
    """Find where to record a host, or a network: there at the router's interface, else at any host's of the network.

    Raises `InputError`, with what there is.
    """
    topology = plan.topology
    if any(host.name == name for host in topology.hosts):
        return Wire(name)
    linked = sorted(topology.linked(name), key=lambda host: not host.forwards)
    if linked:
        return Wire(linked[0].name, name)
    known = (*(zone.name for zone in topology.zones), *(host.name for host in topology.hosts))
    raise InputError(f"no link or host {name!r} in topology {topology.name!r}: use one of {', '.join(known)}")


def record(driver: Driver, plan: Plan, name: str, into: Path, wait: Callable[[], object]) -> Captured:
    """Record until `wait` ends, or is interrupted; the keys go beside the packets. Raises `HostError`."""
    where, keys = wire(plan, name), into.with_name(f"{into.name}.keys")
    hosts = [host.name for host in plan.topology.hosts if driver.state(host.name) == "running"]
    found: list[str] = []
    with _alone(driver.lab), unwinding(), _collecting(on_hosts(driver), hosts, found):
        write_file(into, "", 0o600)
        # Whoever has seen enough interrupts the wait, and has what was recorded.
        with recorder.recording(driver, where, into), suppress(KeyboardInterrupt):
            wait()
    write_file(keys, "".join(found), 0o600)
    secrets = sum(text.count("\n") for text in found)
    return Captured(into, keys, secrets, into.stat().st_size >= LIMITS.recording_bytes)


@contextmanager
def _alone(lab: Lab) -> Iterator[None]:
    """Hold the lab's place for a capture, of which there is one at a time; others may work on the lab meanwhile."""
    try:
        with locks.hold(lab.locks / f"{lab.id}.capture"):
            yield
    except locks.LockTaken as error:
        raise HostError(f"lab {lab.id}: another capture (process {error.holder}) is under way: wait for it") from error


@contextmanager
def _collecting(run: Run, hosts: Sequence[str], into: list[str]) -> Iterator[None]:
    """Let hosts keep keys; at the end they are collected, and nothing of them is left there."""
    with ExitStack() as ending:
        for host in hosts:
            ending.callback(_collect, run, host, into)
            run(host, ["sh", "-c", _BEGIN], "")
        yield


def _collect(run: Run, host: str, into: list[str]) -> None:
    into.append(run(host, ["sh", "-c", _END], "").stdout)
