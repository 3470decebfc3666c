"""Where a scenario is played: one running lab, its plan, and the way to run commands on its hosts."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from mecai.errors import InputError
from testbed.drivers.driver import Driver
from testbed.machine.lab import Lab
from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles.perspective import perspectives_of
from testbed.roles.tls_server import issuer
from testbed.scenarios.hosts import Run, on_hosts

# The words of a cast whose players are the first of their roles.
_PLAYERS: Final = {
    "server": "tls_server",
    "client": "client",
    "attacker": "attacker",
    "vendor": "vendor",
    "publisher": "publisher",
    "insider": "intranet_client",
    "intranet": "intranet_server",
    "private_ca": "private_authority",
    "registrar": "registrar",
    "mail_server": "mail_server",
}
# Words for domain names, and who has them.
_NAMED: Final = {"site": "server", "intranet-site": "intranet", "shared-site": "edge", "mail-site": "mail_server"}
# A name in a domain that nobody has had before: the log of a VAS never forgets a certificate that it has seen.
_NEW: Final = "new-site"


@dataclass(frozen=True)
class Arena:
    """A running lab as scenarios see it; `token` is in the names of what is new in one run."""

    lab: Lab
    plan: Plan
    run: Run
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    @classmethod
    def of(cls, driver: Driver, plan: Plan) -> "Arena":
        """Return the arena of a lab that was made."""
        return cls(driver.lab, plan, on_hosts(driver))

    def anew(self) -> "Arena":
        """Return the arena for another run, with new names."""
        return replace(self, token=secrets.token_hex(4))

    @property
    def cast(self) -> dict[str, str]:
        """Who plays what, as far as the topology has somebody: words of scenarios, and the hosts that they mean.

        `server` is the first TLS server, `issuer` the authority that certified it; `rogue`, `second` and `third` are
        the other authorities in the order of the file, `watchful` the first of these, but for `rogue`, with agents on
        other networks. `edge` and `other_edge` are the first servers with one name, `border` is the router by which the
        attacker's system meets others.
        """
        topology = self.plan.topology
        found = {word: host.name for word, role in _PLAYERS.items() for host in topology.of_role(role)[:1]}
        if "server" in found:
            server = topology.host(found["server"])
            certified_by = issuer(topology, server)
            others = [host.name for host in topology.of_role("authority") if host.name != certified_by]
            found |= {"issuer": certified_by, **dict(zip(("rogue", "second", "third"), others, strict=False))}
            found |= dict(zip(("watchful",), _watchful(topology, others[1:]), strict=False))
        shared = zip(("edge", "other_edge"), _sharing(topology.of_role("tls_server")), strict=False)
        return found | dict(shared) | dict(zip(("border",), _borders(topology), strict=False))

    @property
    def site(self) -> str:
        """The name of the site that clients ask for; raises `InputError` where the topology has none."""
        return self.name("site")

    def name(self, word: str) -> str:
        """Find the domain name that a word means, or return it as it is; raises `InputError` where nobody has one."""
        if word == _NEW:
            return f"www.run-{self.token}.test"
        return self.host(_NAMED[word]).names[0] if word in _NAMED else word

    def host(self, word: str) -> Host:
        """Find who plays a word of the cast, or a host by its own name; raises `InputError`."""
        topology = self.plan.topology
        names = {host.name for host in topology.hosts}
        if (name := self.cast.get(word, word)) not in names:
            raise InputError(f"topology {topology.name}: nobody plays {word!r}: name another lab with --lab")
        return topology.host(name)

    def hosts(self, word: str) -> tuple[Host, ...]:
        """List the hosts of a role, or the one that `host` finds; raises `InputError`."""
        return self.plan.topology.of_role(word) or (self.host(word),)


def _sharing(servers: Iterable[Host]) -> list[str]:
    """List the servers that have the first name which several have."""
    by_name: dict[str, list[str]] = {}
    for server in servers:
        by_name.setdefault(server.names[0], []).append(server.name)
    return next((hosts for hosts in by_name.values() if len(hosts) > 1), [])


def _watchful(topology: Topology, authorities: Iterable[str]) -> list[str]:
    """List the authorities that have agents on other networks."""
    return [name for name in authorities if perspectives_of(topology, topology.host(name))]


def _borders(topology: Topology) -> list[str]:
    """List the routers between the attacker's network and other systems."""
    networks = {host.zone for host in topology.of_role("attacker")[:1]}
    return [host.name for host in topology.of_role("bgp_router") if host.zone in networks]
