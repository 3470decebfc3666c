"""No attack: a server gets a certificate, of a new key or one that it has (`key`, a tag), and shows it at once.

With `follows` the key of another certificate states that this one follows it (`mecai sidecar succession`).
`more` is a further label of the domain, whose name the certificate has besides.
"""

from testbed.scenarios import authorities, keys, loot, sites
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_FILE = "/etc/nginx/conf.d/scenario.conf"
_ASK_AGAIN = """umask 077
mkdir -p "$1"
cp "$2/key.pem" "$1/key.pem"
exec openssl req -new -key "$1/key.pem" -subj "/CN=$3"
"""


def _start(arena: Arena, arguments: Arguments) -> None:
    on, tag, name = arguments["on"], arguments["tag"], arguments["name"]
    names = (name, *([f"{arguments['more']}.{name.partition('.')[2]}"] if arguments["more"] else ()))
    chain = authorities.issue(arena, arguments["by"], _request(arena, arguments), names)
    loot.put(arena, on, tag, "chain.pem", chain.encode())
    if follows := arguments["follows"]:
        old = ["--old", loot.path(follows, "chain.pem"), "--key", loot.path(follows, "key.pem")]
        new = ["--new", loot.path(tag, "chain.pem"), "--out", loot.path(tag, "succession.der")]
        must(arena.run, on, ["mecai", "sidecar", "succession", *old, *new])
    sites.serve(arena, on, _FILE, [sites.site(name, loot.path(tag, "chain.pem"), loot.path(tag, "key.pem"))])


def _request(arena: Arena, arguments: Arguments) -> str:
    on, tag, name = arguments["on"], arguments["tag"], arguments["name"]
    if not arguments["key"]:
        return keys.make(arena, tag, name, on)
    return must(arena.run, on, ["sh", "-c", _ASK_AGAIN, "sh", loot.path(tag), loot.path(arguments["key"]), name])


def _stop(arena: Arena, arguments: Arguments) -> None:
    sites.withdraw(arena, arguments["on"], _FILE)
    keys.give_up(arena, arguments["tag"], arguments["by"], arguments["on"])


MEAN = Mean(
    name="served-certificate",
    says="a server gets a certificate from its authority, and shows it",
    parameters={
        "tag": Parameter("word"),
        "on": Parameter("host", "server"),
        "by": Parameter("host", "issuer"),
        "name": Parameter("name", "new-site"),
        "key": Parameter("word", ""),
        "follows": Parameter("word", ""),
        "more": Parameter("word", ""),
    },
    start=_start,
    stop=_stop,
)
