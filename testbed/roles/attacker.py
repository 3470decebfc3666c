"""An attacker who can answer for any name and has a key, but no certificate; nothing of MECAI runs here."""

from collections.abc import Iterator

from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles.role import Check, Role

# What it answers with for another's site, only while a scenario lets it.
SITE_FILE = "/etc/nginx/conf.d/impersonation.conf"
CHAIN_FILE = "/etc/ssl/certs/impersonation.pem"

_NOTHING_LEFT = """\
for file in "$@"; do
    [ ! -e "$file" ] || { echo "$file: an attack is under way, or its program was killed: testbed up heals"; exit 1; }
done"""


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    files = (SITE_FILE, CHAIN_FILE)
    yield Check("impersonates nobody", host.name, ["sh", "-c", _NOTHING_LEFT, "sh", *files], ["ls", *files])


ROLE = Role(name="attacker", groups=("attackers",), promises=_promises)
