"""No attack: a certificate with a new key is laid in a server's slot, as the next one or as the backup.

The next one is stated to follow by the key that is live (docs/spec H6); the statement is in its haul besides.
"""

from testbed.scenarios import authorities, keys, loot, slots
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def certified(arena: Arena, arguments: Arguments) -> tuple[str, str]:
    """Have an authority certify a new key of a server's; returns the files of the chain and of the key."""
    on, tag, name = arguments["on"], arguments["tag"], arguments["name"]
    chain = authorities.issue(arena, arguments["by"], keys.make(arena, tag, name, on), (name,))
    loot.put(arena, on, tag, "chain.pem", chain.encode())
    return loot.path(tag, "chain.pem"), loot.path(tag, "key.pem")


def _start(arena: Arena, arguments: Arguments) -> None:
    on, slot, backup = arguments["on"], arguments["slot"], arguments["as"] == slots.BACKUP
    slots.stage(arena, on, slot, certified(arena, arguments), *slots.RELOAD, *(("--backup",) if backup else ()))
    if not backup:
        statement = loot.get(arena, on, slots.path(slot, f"{slots.NEXT}.succession"))
        loot.put(arena, on, arguments["tag"], "succession.der", statement)


def _stop(arena: Arena, arguments: Arguments) -> None:
    keys.give_up(arena, arguments["tag"], arguments["by"], arguments["on"])


MEAN = Mean(
    name="staged-certificate",
    says="a certificate with a new key is laid in a server's slot, as the next one or as the backup",
    parameters={
        "tag": Parameter("word"),
        "slot": Parameter("word", "first"),
        "as": Parameter("word", slots.NEXT, (slots.NEXT, slots.BACKUP)),
        "on": Parameter("host", "server"),
        "by": Parameter("host", "issuer"),
        "name": Parameter("name", "new-site"),
    },
    start=_start,
    stop=_stop,
)
