"""An attacker who can answer for any name, with what he steals or forges; no service of MECAI runs here."""

from collections.abc import Iterator

from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles.role import Check, Role

# What it answers with for another's site, only while a scenario lets it.
SITE_FILE = "/etc/nginx/conf.d/impersonation.conf"
MAIL_FILE = "/etc/nginx/modules-enabled/90-impersonation.conf"  # where Debian's nginx reads what stands beside http
# Where his hauls lie: keys, chains, staples, vouchers.
LOOT_FOLDER = "/var/lib/attack"

_NOTHING_LEFT = """\
for file in "$@"; do
    [ ! -e "$file" ] || { echo "$file: an attack is under way, or was killed: testbed attack stop"; exit 1; }
done"""


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    files = (SITE_FILE, MAIL_FILE, LOOT_FOLDER)
    yield Check("impersonates nobody", host.name, ["sh", "-c", _NOTHING_LEFT, "sh", *files], ["ls", "-R", *files])


ROLE = Role(name="attacker", groups=("attackers",), promises=_promises)
