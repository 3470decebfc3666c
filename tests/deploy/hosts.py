"""Plain hosts with the names and addresses of the example inventory, and a resolver that knows them: no lab.

Programs run on the control machine in the network of the resolver's host, so that SSH goes over TCP to each host's own
sshd, as a user who has `sudo` and nothing else.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.lab import write_file
from testbed.model.plan import Interface, Plan
from testbed.model.topology import Host, Topology, Zone
from testbed.provision import access
from tests.deploy.image import RESOLVER

DNS = "dns"
USER = "admin"
BOUND = 1200  # seconds for one program: a first run installs everything on a machine that is busy with other things
_ZONE = Zone("internet", meaning="where all hosts stand", region="")
# Of each host its number in 192.0.2.0/24 and 2001:db8::/64, and its names besides HOST.example.org.
_NUMBERS = {DNS: 53, "ca": 10, "other": 20, "www": 80}
_NAMES = {
    "ca": ("ocsp.example.org", "vas.example.org"),
    "other": ("ca.example.net", "ocsp.example.net", "vas.example.net"),
}
# A resolver for these names alone; every other name is unknown.
_DNS = """\
server:
  interface: 0.0.0.0
  interface: ::0
  access-control: 192.0.2.0/24 allow
  access-control: 2001:db8::/64 allow
  module-config: "iterator"
  local-zone: "." static
"""


def plan() -> Plan:
    """Return where each host stands: on one network."""
    hosts = tuple(Host(name, "plain", (_ZONE.name,), _NAMES.get(name, ()), resolves=name == DNS) for name in _NUMBERS)
    interfaces = {name: (_interface(name, number),) for name, number in _NUMBERS.items()}
    topology = Topology("deploy", domain="example.org", zones=(_ZONE,), hosts=hosts, digest="")
    return Plan(topology, interfaces, dict.fromkeys(_NUMBERS, ()))


def _interface(name: str, number: int) -> Interface:
    ipv4, ipv6 = IPv4Interface(f"192.0.2.{number}/24"), IPv6Interface(f"2001:db8::{number}/64")
    return Interface(_ZONE.name, f"{name}.0", ipv4, ipv6)


@dataclass(frozen=True)
class Hosts:
    """The hosts of one run, and how the control machine runs programs in their network."""

    driver: Driver
    plan: Plan = field(default_factory=plan)

    def boot(self, image: Path) -> None:
        """Make the network, boot the hosts, start the resolver, and open the ways in."""
        access.ensure_key(self.driver.lab)
        self.driver.ensure_network(self.plan)
        self.driver.ensure_hosts(self.plan, image, lambda _note: None)
        self._answer_dns()
        public = self.driver.lab.ssh_key.with_suffix(".pub").read_text(encoding="ascii")
        for host in self.plan.topology.hosts:
            home = f"/home/{USER}/.ssh"
            script = f"install -d -o {USER} -m 0700 {home} && echo '{public}' >{home}/authorized_keys; rm -r /root/.ssh"
            self.root(host.name, script)
        self._write_ssh_config()

    def root(self, host: str, script: str) -> str:
        """Run a shell script as root on a host, past SSH: what its owner did before."""
        return tools.run(self.driver.enter(host, ["sh", "-ec", script]), seconds=BOUND)

    def control(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the control machine in the hosts' network, in a folder."""
        inside = ["nsenter", f"--net=/run/netns/{self.driver.lab.label(DNS)}", "--", *command]
        return subprocess.run(
            inside, cwd=folder, env=dict(environment), check=False, text=True, timeout=BOUND,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _answer_dns(self) -> None:
        records = "".join(f'  local-data: "{r.name}. {r.type} {r.address}"\n' for r in self.plan.records())
        settings = f"/etc/{RESOLVER}/{RESOLVER}.conf"
        self.root(DNS, f"DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet {RESOLVER}")
        self.root(DNS, f"cat >{settings} <<'END'\n{_DNS}{records}END\nsystemctl restart {RESOLVER}")

    def _write_ssh_config(self) -> None:
        """Write what a person has in ~/.ssh: where each name leads, the user, the key, the hosts' keys."""
        lab, lines, known = self.driver.lab, [], []
        for host in self.plan.topology.hosts:
            address, _ = self.plan.addresses(host.name)
            names = f"{host.name}.{self.plan.topology.domain} {' '.join(host.names)}"
            lines.append(f"Host {names}\n  HostName {address}\n")
            known.append(f"{address} {self.driver.ssh_host_key(host.name)}\n")
        write_file(lab.ssh_config.with_name("known_hosts"), "".join(known))
        common = {
            "User": USER,
            "IdentityFile": lab.ssh_key,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": lab.ssh_config.with_name("known_hosts"),
            "StrictHostKeyChecking": "yes",
        }
        everywhere = "".join(f"  {key} {value}\n" for key, value in common.items())
        write_file(lab.ssh_config, "".join(lines) + f"Host *\n{everywhere}")
