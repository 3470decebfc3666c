"""An attacker who can answer for any name and has a key, but no certificate; nothing of MECAI runs here."""

from testbed.roles.role import Role

ROLE = Role(name="attacker", groups=("attackers",))
