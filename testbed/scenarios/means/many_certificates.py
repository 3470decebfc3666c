"""An authority certifies many names of one domain for the attacker (`mecai ca batch`), whose server shows them all.

They become hauls TAG-0, TAG-1 and so on, of one key.
"""

from testbed.scenarios import authorities, keys, loot, sites
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_FILE = "/etc/nginx/conf.d/impersonation-many.conf"


def _start(arena: Arena, arguments: Arguments) -> None:
    attacker, tag = arena.host("attacker").name, arguments["tag"]
    domain = arguments["name"].partition(".")[2]
    names = [f"s{number}.{domain}" for number in range(arguments["count"])]
    request = keys.make(arena, tag, domain)
    chains = authorities.issue_many(arena, arguments["by"], request, names)
    shown = []
    for number, (name, chain) in enumerate(zip(names, chains, strict=True)):
        loot.put(arena, attacker, f"{tag}-{number}", "chain.pem", chain.encode())
        shown.append(sites.site(name, loot.path(f"{tag}-{number}", "chain.pem"), loot.path(tag, "key.pem")))
    sites.serve(arena, attacker, _FILE, shown)


def _stop(arena: Arena, arguments: Arguments) -> None:
    sites.withdraw(arena, arena.host("attacker").name, _FILE)
    for number in range(arguments["count"]):
        keys.give_up(arena, f"{arguments['tag']}-{number}", arguments["by"])
    keys.give_up(arena, arguments["tag"])


MEAN = Mean(
    name="many-certificates",
    says="an authority certifies many names of a domain for the attacker, whose server shows them all",
    parameters={
        "by": Parameter("host", "rogue"),
        "name": Parameter("name", "new-site"),
        "tag": Parameter("word", "flood"),
        "count": Parameter("number", 8),
    },
    start=_start,
    stop=_stop,
)
