"""The driver as the rest of the testbed sees it: one lab's networks and hosts."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from testbed.drivers.driver import Need, Removed, State
from testbed.drivers.nspawn import cgroups, hosts, needs, network, overlay
from testbed.machine import mounts
from testbed.machine.lab import Lab
from testbed.machine.waiting import Note
from testbed.model.impairment import Impairment
from testbed.model.plan import Plan


@dataclass(frozen=True)
class NspawnDriver:
    """Hosts are systemd-nspawn containers in network namespaces (`Driver` has what each method promises)."""

    lab: Lab

    def needs(self, hosts: int) -> Mapping[str, Need]:
        """Name what this machine must have: overlayfs, namespaces, cgroups, inotify instances."""
        return needs.needs(hosts)

    def make_room(self, hosts: int) -> None:
        """Raise the limit of inotify instances."""
        needs.make_room(hosts)

    def ensure_network(self, plan: Plan) -> int:
        """Make namespaces, bridges, veth pairs, addresses and routes; returns how many namespaces were new."""
        return network.ensure(self.lab, plan)

    def impair(self, plan: Plan, zone: str, host: str | None, wanted: Impairment) -> int:
        """Impair cables where they enter the switch."""
        return network.impair(self.lab, plan, zone, host, wanted)

    def ensure_hosts(self, plan: Plan, image: Path, note: Note) -> int:
        """Boot every host that does not run."""
        return hosts.ensure(self.lab, plan, image, note)

    def state(self, host: str) -> State:
        """Say whether a host runs, and under its systemd-nspawn."""
        return hosts.state(self.lab, host)

    def memory(self, host: str) -> int:
        """Add up what the processes of the host's group hold."""
        return hosts.memory(self.lab, host)

    def enter(self, host: str, command: Sequence[str]) -> list[str]:
        """Return the command that runs `command` on a host, by nsenter."""
        return hosts.enter(self.lab, host, command)

    def connection(self, host: str) -> list[str]:
        """Return the prefix that joins all of a host's namespaces."""
        return hosts.join_prefix(self.lab, host)

    def stop(self, host: str) -> None:
        """Power one host off, or kill it when it does not."""
        hosts.stop_one(self.lab, host)

    def console(self, host: str) -> Path:
        """Return the file that systemd-nspawn writes."""
        return hosts.console(self.lab, host)

    def ssh_host_key(self, host: str) -> str:
        """Read the key that the host made at its first boot."""
        return overlay.ssh_host_key(self.lab, host)

    def files(self, host: str) -> Path:
        """Return the upper layer of the host's file system."""
        return overlay.upper(self.lab, host)

    def still(self, plan: Plan) -> AbstractContextManager[None]:
        """Freeze the hosts' control groups: their files are then as after a power cut, with nothing lost."""
        return cgroups.frozen([self.lab.label(host.name) for host in plan.topology.hosts])

    def present(self) -> bool:
        """Look for control groups and namespaces that carry the lab's id."""
        return bool(hosts.present(self.lab) or network.present(self.lab))

    def remove(self, *, at_once: bool = False) -> Removed:
        """End the hosts, then remove namespaces and mounts."""
        ended, killed = hosts.stop(self.lab, at_once=at_once)
        namespaces = network.remove(self.lab)
        return Removed(len(ended), namespaces, mounts.release(self.lab.directory), killed=tuple(sorted(killed)))
