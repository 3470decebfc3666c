"""What a lab in memory has of itself: plans, and the files that its hosts keep, whatever is played on it."""

from hashlib import sha256

from testbed.model import plan, reading
from testbed.model.plan import Plan
from testbed.roles import ROLES, publisher
from testbed.scenarios import authorities
from tests.directories import PUBLISHER, directory, signed
from tests.pki import Hierarchy

PLAN = plan.make(reading.load(reading.find("small"), ROLES))
# The lab in which every scenario can be played.
INTERNET = plan.make(reading.load(reading.find("internet"), ROLES))
SETTINGS = 'contexts = ["MOZ"]\n'


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
