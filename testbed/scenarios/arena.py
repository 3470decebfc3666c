"""Where a scenario is played: one running lab, its plan, and the way to run commands on its hosts."""

from dataclasses import dataclass

from mecai.errors import InputError
from testbed.drivers.driver import Driver
from testbed.machine.lab import Lab
from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles.tls_server import issuer
from testbed.scenarios.hosts import Run, on_hosts


@dataclass(frozen=True)
class Arena:
    """A running lab as scenarios see it."""

    lab: Lab
    plan: Plan
    run: Run

    @classmethod
    def of(cls, driver: Driver, plan: Plan) -> "Arena":
        """Return the arena of a lab that was made."""
        return cls(driver.lab, plan, on_hosts(driver))

    @property
    def cast(self) -> dict[str, str]:
        """Who plays what, as far as the topology has somebody: words of scenarios, and the hosts that they mean.

        `server` is the first TLS server, `issuer` the authority that certified it; `rogue`, `second` and `third` are
        the other authorities in the order of the file.
        """
        topology = self.plan.topology
        roles = {"server": "tls_server", "client": "client", "attacker": "attacker", "vendor": "vendor"}
        found = {word: host.name for word, role in roles.items() for host in topology.of_role(role)[:1]}
        if "server" in found:
            server = topology.host(found["server"])
            certified_by = issuer(topology, server)
            others = [host.name for host in topology.of_role("authority") if host.name != certified_by]
            found |= {"issuer": certified_by, **dict(zip(("rogue", "second", "third"), others, strict=False))}
        return found

    @property
    def site(self) -> str:
        """The name of the site that clients ask for; raises `InputError` where the topology has none."""
        return self.host("server").names[0]

    def host(self, word: str) -> Host:
        """Find who plays a word of the cast, or a host by its own name; raises `InputError`."""
        topology = self.plan.topology
        names = {host.name for host in topology.hosts}
        if (name := self.cast.get(word, word)) not in names:
            raise InputError(f"topology {topology.name}: nobody plays {word!r}: name another lab with --lab")
        return topology.host(name)
