"""No attack but the usual case: a Voucher Authority fetches the vendor's directory over HTTPS, again and again.

The lab's own get theirs as a file. Where it is every hour, here it is every few seconds (`seconds`).
"""

import json

from testbed.scenarios import authorities, keys, loot, publishing, tools, units, vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

HAUL = "publication"
_SERVER, _FETCHES = "scenario-publication", "scenario-contexts"
_PORT = 443
_REFRESH = ["runuser", "-u", "mecai-vas", "--", "/opt/mecai/venv/bin/mecai", "vas", "context", "refresh"]


def _start(arena: Arena, arguments: Arguments) -> None:
    at, of = arguments["at"], arguments["of"]
    name = f"{at}.{arena.plan.topology.domain}"
    chain = authorities.issue(arena, of, keys.make(arena, HAUL, name, at), (name,))
    loot.put(arena, at, HAUL, "chain.pem", chain.encode())
    publish(arena, at, publishing.restore(arena))
    told = json.dumps({"folder": loot.path(HAUL), "port": _PORT})
    units.serve(arena, at, _SERVER, ["python3", "-c", tools.text("serve"), told])
    vas.fetch(arena, of, f"https://{name}/directory.der", authorities.ROOT)
    units.repeat(arena, of, _FETCHES, arguments["seconds"], _REFRESH)


def publish(arena: Arena, at: str, signed: bytes) -> None:
    """Have the vendor's server show a directory from now on."""
    loot.put(arena, at, HAUL, "directory.der", signed)


def _stop(arena: Arena, arguments: Arguments) -> None:
    at, of = arguments["at"], arguments["of"]
    units.stop(arena, of, _FETCHES)
    vas.unsettle(arena, of)
    units.stop(arena, at, _SERVER)
    keys.give_up(arena, HAUL, of, at)


MEAN = Mean(
    name="fetched-context",
    says="a Voucher Authority fetches the vendor's directory over HTTPS, every few seconds",
    parameters={
        "of": Parameter("host", "second"),
        "at": Parameter("host", "vendor"),
        "seconds": Parameter("number", 10),
    },
    start=_start,
    stop=_stop,
)
