"""The attacker's nginx answers for a site, with the chain, the staple and the vouchers of one haul.

It is a stock nginx: OpenSSL's ServerInfoFile staples the vouchers, whatever octets they are. Once more under way, it
serves what the haul has by then.
"""

from testbed.roles.attacker import SITE_FILE
from testbed.scenarios import loot, sites, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

PAGE = "This page comes from the attacker."
_PAGE = f"""    default_type text/plain;
    location / {{ return 200 "{PAGE}\\n"; }}
"""
_VOUCHERS = "    ssl_conf_command ServerInfoFile {folder}/serverinfo.pem;\n"
_STAPLE = "    ssl_stapling on;\n    ssl_stapling_file {folder}/staple.der;\n"


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, folder = arena.host("attacker").name, loot.path(arguments["tag"])
    says = _PAGE
    if loot.has(arena, attacker, f"{folder}/staple.der"):
        says += _STAPLE.format(folder=folder)
    if loot.has(arena, attacker, f"{folder}/vouchers"):
        tools.run(arena, attacker, "serverinfo", folder=folder)
        says += _VOUCHERS.format(folder=folder)
    site = sites.site(arguments["name"], f"{folder}/chain.pem", f"{folder}/key.pem", says)
    sites.serve(arena, attacker, SITE_FILE, [site])


def _stop(arena: Arena, _arguments: Arguments) -> None:
    sites.withdraw(arena, arena.host("attacker").name, SITE_FILE)


MEAN = Mean(
    name="impersonate",
    says="the attacker's server answers for a name with what one of his hauls has",
    parameters={"name": Parameter("name", "site"), "tag": Parameter("word", "rogue")},
    start=_start,
    stop=_stop,
)
