"""The attacker's nginx answers as a mail server, with the chain of one haul; it takes no password, and keeps none.

It speaks IMAP and SMTP as far as STARTTLS and a little further. Without `starttls` it is what is left where somebody on
the path cuts the offer out of what the real server says.
"""

from testbed.roles.attacker import MAIL_FILE
from testbed.scenarios import loot, sites
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.impersonate import PAGE
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

# Nobody answers for logins at the discard port. The capabilities say whose server it is.
_MAIL = """mail {{
    server_name {name};
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
    auth_http 127.0.0.1:9;
    starttls {starttls};
    imap_capabilities IMAP4rev1 "{page}";
    smtp_capabilities "{page}";
    smtp_auth none;
    server {{ listen 143; listen [::]:143; protocol imap; }}
    server {{ listen 25; listen [::]:25; protocol smtp; }}
    server {{ listen 993 ssl; listen [::]:993 ssl; protocol imap; starttls off; }}
}}
"""


def _start(arena: Arena, arguments: Arguments) -> None:
    told = {"name": arguments["name"], "folder": loot.path(arguments["tag"]), "starttls": arguments["starttls"]}
    sites.serve(arena, arena.host("attacker").name, MAIL_FILE, [_MAIL.format(**told, page=PAGE)])


def _stop(arena: Arena, _arguments: Arguments) -> None:
    sites.withdraw(arena, arena.host("attacker").name, MAIL_FILE)


MEAN = Mean(
    name="impersonate-mail",
    says="the attacker's mail server answers for a name with what one of his hauls has; it may offer no STARTTLS",
    parameters={
        "name": Parameter("name", "mail-site"),
        "tag": Parameter("word", "rogue"),
        "starttls": Parameter("word", "on", ("on", "off")),
    },
    start=_start,
    stop=_stop,
)
