"""What every driver can do: make the networks and hosts of one lab from a plan, reach them, remove them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from testbed.machine.lab import Lab
from testbed.machine.waiting import Note
from testbed.model.impairment import Impairment
from testbed.model.plan import Plan

State = Literal["running", "orphaned", "stopped"]
# Looks at one need of this machine and says what it saw; raises `HostError` with the fix.
Need = Callable[[], str]


@dataclass(frozen=True)
class Removed:
    """How many of each were found and removed, whether the lab had files, and which hosts did not end by themselves."""

    hosts: int = 0
    namespaces: int = 0
    mounts: int = 0
    files: bool = False
    killed: tuple[str, ...] = ()


class Driver(Protocol):
    """Makes and keeps the hosts of one lab; every method may be called again and completes what is missing."""

    @property
    def lab(self) -> Lab:
        """The lab whose hosts these are."""

    def needs(self, hosts: int) -> Mapping[str, Need]:
        """Name what this machine must have for that many new hosts, the most fundamental first."""

    def make_room(self, hosts: int) -> None:
        """Raise what limits of this machine that many new hosts need and that can be raised; raises `HostError`."""

    def ensure_network(self, plan: Plan) -> int:
        """Make the networks; returns how many parts were new."""

    def impair(self, plan: Plan, zone: str, host: str | None, wanted: Impairment) -> int:
        """Impair all links of a zone, or one host's, in place of how they are; returns how many.

        Raises `HostError` where this machine cannot.
        """

    def ensure_hosts(self, plan: Plan, image: Path, note: Note) -> int:
        """Boot every host that does not run, on the root file system `image`; returns how many were booted."""

    def state(self, host: str) -> State:
        """Say whether a host runs; `orphaned` when it does without what supervises it."""

    def memory(self, host: str) -> int:
        """Return how many bytes the host's processes hold, what several share counted by share; 0 when stopped."""

    def enter(self, host: str, command: Sequence[str]) -> list[str]:
        """Return the command that runs `command` as root on a host; raises `HostError` when it does not run."""

    def connection(self, host: str) -> list[str]:
        """Return the prefix under which a program joins all of a host; raises `HostError` when it does not run."""

    def stop(self, host: str) -> None:
        """End one host, in good order if it can be had; nothing where it does not run."""

    def console(self, host: str) -> Path:
        """Return the file with what a host said on its console since its last boot."""

    def ssh_host_key(self, host: str) -> str:
        """Return a host's public SSH key: type and key."""

    def files(self, host: str) -> Path:
        """Return the folder, of the lab's directory, with all that a host wrote: enough to boot it again elsewhere."""

    def still(self, plan: Plan) -> AbstractContextManager[None]:
        """Let no process of any host go on meanwhile, so that all files are of one moment; raises `HostError`.

        They go on when this program ends, however it does.
        """

    def present(self) -> bool:
        """Say whether anything of the lab's hosts or networks is there, running or half dead."""

    def remove(self, *, at_once: bool = False) -> Removed:
        """End and remove all that carries the lab's id, in good order or at once; raises `HostError` when it stays."""
