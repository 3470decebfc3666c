"""The attacker's nginx answers for a site, with the chain, the staple and the vouchers of one haul.

It is a stock nginx: OpenSSL's ServerInfoFile staples the vouchers, whatever octets they are. Once more under way, it
serves what the haul has by then.
"""

from testbed.roles.attacker import SITE_FILE
from testbed.scenarios import loot, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

PAGE = "This page comes from the attacker."
_SITE = """server {{
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name {name};
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
{more}    default_type text/plain;
    location / {{ return 200 "{page}\\n"; }}
}}
"""
_VOUCHERS = "    ssl_conf_command ServerInfoFile {folder}/serverinfo.pem;\n"
_STAPLE = "    ssl_stapling on;\n    ssl_stapling_file {folder}/staple.der;\n"
_RELOAD = ["systemctl", "reload-or-restart", "nginx"]


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, folder = arena.host("attacker").name, loot.path(arguments["tag"])
    more = ""
    if loot.has(arena, attacker, f"{folder}/staple.der"):
        more += _STAPLE.format(folder=folder)
    if loot.has(arena, attacker, f"{folder}/vouchers"):
        tools.run(arena, attacker, "serverinfo", folder=folder)
        more += _VOUCHERS.format(folder=folder)
    site = _SITE.format(name=arguments["name"], folder=folder, more=more, page=PAGE)
    must(arena.run, attacker, ["tee", SITE_FILE], site)
    must(arena.run, attacker, ["nginx", "-q", "-t"])
    must(arena.run, attacker, _RELOAD)


def _stop(arena: Arena, _arguments: Arguments) -> None:
    attacker = arena.host("attacker").name
    must(arena.run, attacker, ["rm", "--force", SITE_FILE])
    must(arena.run, attacker, _RELOAD)


MEAN = Mean(
    name="impersonate",
    says="the attacker's server answers for a name with what one of his hauls has",
    parameters={"name": Parameter("name", "site"), "tag": Parameter("word", "rogue")},
    start=_start,
    stop=_stop,
)
