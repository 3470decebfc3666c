"""What a lab in memory has of itself: plans, and the files that its hosts keep, whatever is played on it."""

from hashlib import sha256

import yaml

from testbed.model import plan, reading
from testbed.model.plan import Plan
from testbed.roles import ROLES, publisher
from testbed.scenarios import authorities
from tests.directories import PUBLISHER, directory, signed
from tests.pki import Hierarchy

SMALL = reading.find("small")
PLAN = plan.make(reading.load(SMALL, ROLES))
# Beside what `small` has: another publisher, and a site on three addresses of two servers.
_MORE = """
alt: {role: publisher, zone: vendor}
west: {role: tls_server, zone: hosting, names: [cdn.example.test], addresses: 2, vars: {certified_by: birch}}
east: {role: tls_server, zone: vendor, names: [cdn.example.test], vars: {certified_by: cedar}}
"""
SETTINGS = 'contexts = ["MOZ"]\n'


def wide() -> Plan:
    """Return the plan of a lab in which every scenario can be played."""
    text = yaml.safe_load(SMALL.read_text(encoding="utf-8"))
    text["hosts"] |= yaml.safe_load(_MORE)
    return plan.make(reading.parse(yaml.safe_dump(text, sort_keys=False), "wide.yml", ROLES))


def records(lab_plan: Plan) -> set[str]:
    """Return what the resolvers of private networks say by themselves."""
    guards = (host for host in lab_plan.topology.hosts if host.guards)
    return {each for host in guards for each in ROLES[host.role].variables(lab_plan, host)["resolver_records"]}


def files(lab_plan: Plan) -> dict[str, bytes]:
    """Return the files of all hosts that scenarios read, by `HOST:PATH`."""
    topology = lab_plan.topology
    public = [Hierarchy(host.name) for host in topology.of_role("authority")]
    private = [Hierarchy(host.name) for host in topology.of_role("private_authority")]
    found = {f"{each.name}:{authorities.ROOT}": each.root.pem for each in (*public, *private)}
    encoded = signed(directory(*public))
    for host in (*topology.of_role("client"), *topology.of_role("intranet_client")):
        found[f"{host.name}:/etc/mecai/client.toml"] = SETTINGS.encode()
        for one in (*topology.of_role("vendor"), *topology.of_role("publisher")):
            folder = publisher.folder(one)
            found |= {
                f"{host.name}:{folder}/directory.der": encoded,
                f"{host.name}:{folder}/publishers.pem": PUBLISHER.pem,
            }
    for server in topology.of_role("tls_server"):
        site = Hierarchy(server.variables.get("certified_by", "alder")).server(server.names[0])
        folder = f"/var/lib/mecai-sidecar/staples/{sha256(site.der).hexdigest()}"
        found[f"{server.name}:/etc/ssl/certs/{server.names[0]}.pem"] = site.chain_pem
        found[f"{server.name}:/etc/ssl/private/{server.names[0]}.pem"] = site.key_pem
        found |= {f"{server.name}:{folder}/{name}": b"stapled" for name in ("ocsp.der", "0123.voucher")}
    return found
