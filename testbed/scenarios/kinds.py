"""The kinds of client that scenarios ask: which host of the lab each is on, and what its settings say.

`plain` is curl; all others are `mecai client get` under the settings of their host (`client.toml`), and some more.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from testbed.model.topology import Host
from testbed.roles import publisher
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_CONFIG: Final = "/etc/mecai/client.toml"


@dataclass(frozen=True)
class Kind:
    """A kind of client: one line on it, what its settings say besides those of its host, how many it names.

    `host` is who asks, `publisher` whose directory it goes by where that is not its host's own: words of the cast.
    """

    says: str
    settings: Mapping[str, str] = field(default_factory=dict)
    candidates: int = 3
    host: str = "client"
    publisher: str = ""


VERDICTS: Final = ("accepted", "warned", "refused")
PLAIN: Final = "plain"
STICKY: Final = "sticky"
REGIONAL: Final = "regional"
KINDS: Final[Mapping[str, Kind]] = {
    PLAIN: Kind("curl, which knows nothing of vouchers"),
    "warn": Kind("judges and says so, never acts", {"mode": "warn"}),
    "random": Kind("enforces; names other authorities each time", {"selection": "random"}),
    STICKY: Kind("enforces; names the same authorities for a domain during 30 days"),
    "strict": Kind("enforces; names four authorities, two must vouch", {"profile": "strict"}, 4),
    REGIONAL: Kind("enforces; leaves out the regions of authorities that a scene wants unnamed"),
    "alternative": Kind("as sticky, by another publisher's directory and for its trust context", publisher="publisher"),
    "intranet": Kind("as sticky, inside a company: what is inside it holds to the company's own CA", host="insider"),
}


def host_of(arena: Arena, kind: str) -> str:
    """Return the name of the host that a kind of client is on; raises `InputError` where the topology has none."""
    return arena.host(KINDS[kind].host).name


def check(arena: Arena, kind: str) -> None:
    """Find everybody whom a kind of client needs in this lab; raises `InputError`."""
    host_of(arena, kind)
    if other := KINDS[kind].publisher:
        arena.host(other)


def settings(arena: Arena, kind: str) -> dict[str, Any]:
    """Return what a kind of client demands: the settings of its host, what another publisher's are, and its own."""
    of_host: dict[str, Any] = tomllib.loads(must(arena.run, host_of(arena, kind), ["cat", _CONFIG]))
    other = KINDS[kind].publisher
    return {**of_host, **(_shipped_by(arena.host(other)) if other else {}), **KINDS[kind].settings}


def _shipped_by(other: Host) -> dict[str, Any]:
    folder = publisher.folder(other)
    return {
        "directory": f"{folder}/directory.der",
        "publishers": f"{folder}/publishers.pem",
        "contexts": [publisher.context(other)],
    }


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings of a client as its file has them (TOML)."""
    return "".join(f"{name} = {_toml(value)}\n" for name, value in settings.items())


def _toml(value: object) -> str:
    """Return a value in TOML, tables inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
