"""The directory that clients get is another: its delivery, or its publisher's key, is in the attacker's hands.

`distrusting` is no attack but the defence: the publisher withdraws his trust in a CA.
"""

import base64

from mecai.protocol.pki.identity import spki_hash
from testbed.scenarios import authorities, loot, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_PUBLISHER = "/var/lib/mecai-publisher"
_CLIENTS = "/etc/mecai/directory.der"
_WRITE = 'base64 -d >"$1.new"; chmod 0644 "$1.new"; exec mv "$1.new" "$1"'


def _start(arena: Arena, arguments: Arguments) -> None:
    ca = arguments["ca"]
    root = loot.chain(loot.get(arena, ca, authorities.ROOT), authorities.ROOT)[0]
    _deliver(arena, arguments, manner=arguments["manner"], spki=spki_hash(root).hex(), keep=False)


def _stop(arena: Arena, arguments: Arguments) -> None:
    _deliver(arena, arguments, manner="honest", keep=True)


def _deliver(arena: Arena, arguments: Arguments, **told: object) -> None:
    signed = tools.run(arena, arena.host("vendor").name, "sign_directory", folder=_PUBLISHER, **told)
    base64.b64decode(signed, validate=True)
    must(arena.run, arguments["to"], ["sh", "-c", _WRITE, "sh", _CLIENTS], signed)


MEAN = Mean(
    name="directory",
    says="a host gets another directory than the publisher's last",
    parameters={
        "manner": Parameter("word", None, ("rolled-back", "equivocating", "expired", "distrusting")),
        "ca": Parameter("host", "rogue"),
        "to": Parameter("host", "client"),
    },
    start=_start,
    stop=_stop,
)
