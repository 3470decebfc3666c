"""A driver without hosts: states are given, a command of a host is an ordinary command of this machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mecai.errors import HostError
from testbed.drivers.driver import Need, Removed, State
from testbed.machine.lab import Lab
from testbed.machine.waiting import Note
from testbed.model.impairment import Impairment
from testbed.model.plan import Plan


@dataclass
class FakeDriver:
    """Hosts that are what `states` says (default: running); `command` is what `enter` returns for each command."""

    lab: Lab
    states: dict[str, State] = field(default_factory=dict)
    command: Callable[[str, Sequence[str]], list[str]] = lambda _host, _command: ["true"]
    left: bool = False
    removed: bool = False
    impaired: tuple[str, str | None, Impairment] | None = None
    killed: tuple[str, ...] = ()
    moments: list[str] = field(default_factory=list)

    def needs(self, hosts: int) -> Mapping[str, Need]:
        """Need nothing."""
        return {"fake": lambda: f"{hosts} hosts"}

    def make_room(self, hosts: int) -> None:
        """Have room."""

    def ensure_network(self, plan: Plan) -> int:
        """Have a network."""
        return len(plan.topology.zones)

    def impair(self, plan: Plan, zone: str, host: str | None, wanted: Impairment) -> int:
        """Take note."""
        self.impaired = (zone, host, wanted)
        return len(plan.topology.linked(zone)) if host is None else 1

    def ensure_hosts(self, plan: Plan, image: Path, note: Note) -> int:
        """Have hosts."""
        note(str(image))
        self.states.clear()
        return len(plan.topology.hosts)

    def state(self, host: str) -> State:
        """Say what was given."""
        return self.states.get(host, "running")

    def memory(self, host: str) -> int:
        """Hold a MiB in each host that runs."""
        return 1024**2 if self.state(host) == "running" else 0

    def enter(self, host: str, command: Sequence[str]) -> list[str]:
        """Return the given command."""
        if self.state(host) != "running":
            raise HostError(f"host {host} is stopped")
        return self.command(host, command)

    def connection(self, host: str) -> list[str]:
        """Return a prefix that names the host."""
        return ["join", host]

    def stop(self, host: str) -> None:
        """Stop it."""
        self.states[host] = "stopped"

    def console(self, host: str) -> Path:
        """Return a file that names the host."""
        return self.lab.host_directory(host) / "console.log"

    def ssh_host_key(self, host: str) -> str:
        """Return a key that names the host."""
        return f"ssh-ed25519 {host}"

    def files(self, host: str) -> Path:
        """Return a folder of the lab's."""
        return self.lab.host_directory(host) / "files"

    @contextmanager
    def still(self, plan: Plan) -> Iterator[None]:
        """Note that the hosts stand still, and that they go on."""
        self.moments.append(f"{len(plan.topology.hosts)} hosts stand still")
        try:
            yield
        finally:
            self.moments.append("they go on")

    def present(self) -> bool:
        """Say what was given."""
        return self.left

    def remove(self, *, at_once: bool = False) -> Removed:
        """Remember that it was asked."""
        self.removed = True
        self.moments.append("removed at once" if at_once else "removed")
        return Removed(hosts=1, killed=self.killed)
