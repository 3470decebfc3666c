"""What the model must know of a role: a file of `testbed/roles/` makes one."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from testbed.model.topology import Host, Topology


class Kind(Protocol):
    """What reading must know of a role."""

    @property
    def forwards(self) -> bool:
        """Whether its hosts join the zones that they are linked to."""

    @property
    def resolves(self) -> bool:
        """Whether its hosts answer DNS for the others."""

    @property
    def guards(self) -> bool:
        """Whether its hosts stand between their own, private zone and the others."""

    @property
    def shares_names(self) -> Collection[str]:
        """The roles whose hosts may have a name of its hosts too, whose addresses are then those of all."""

    @property
    def needs(self) -> Mapping[str, str]:
        """The roles without which its hosts cannot work, each with what that one does for them."""

    def names(self, host: str) -> tuple[str, ...]:
        """Return the domain names of a host for which the file gives none."""

    def faults(self, topology: Topology, host: Host) -> Iterable[str]:
        """Yield what is wrong with one of its hosts, as `KEY: saw VALUE; expected ...`."""


Kinds = Mapping[str, Kind]
