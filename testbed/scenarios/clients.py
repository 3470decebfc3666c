"""The kinds of client that a scenario asks, each a real program on the lab's client host.

`plain` is curl, which knows nothing of vouchers; all others are `mecai client get` under settings of their own. Which
authorities a client names is drawn by chance: where a scene says who must be among them and who not, a key is looked
for under which the sticky draw says so, and the random one is drawn again.
"""

import base64
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final

from mecai.errors import HostError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.selection import candidates, registrable_domain
from testbed.machine.limits import LIMITS
from testbed.scenarios import loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.impersonate import PAGE
from testbed.scenarios.scenario import Choice, Scene

FOLDER: Final = "/run/mecai-scenario"
_CONFIG: Final = "/etc/mecai/client.toml"
# What curl's exit codes mean (curl(1), EXIT CODES), in reason codes.
_CURL: Final = {
    6: "unreachable",
    7: "unreachable",
    28: "unreachable",
    35: "handshake-failed",
    60: "certificate-invalid",
}


@dataclass(frozen=True)
class Kind:
    """A kind of client: one line on it, what its settings say besides those of the host, how many it names."""

    says: str
    settings: Mapping[str, str] = field(default_factory=dict)
    candidates: int = 3


PLAIN: Final = "plain"
REGIONAL: Final = "regional"
KINDS: Final[Mapping[str, Kind]] = {
    PLAIN: Kind("curl, which knows nothing of vouchers"),
    "warn": Kind("judges and says so, never acts", {"mode": "warn"}),
    "random": Kind("enforces; names other authorities each time", {"selection": "random"}),
    "sticky": Kind("enforces; names the same authorities for a domain during 30 days"),
    "strict": Kind("enforces; names four authorities, two must vouch", {"profile": "strict"}, 4),
    REGIONAL: Kind("enforces; leaves out the regions of authorities that a scene wants unnamed"),
}


@dataclass(frozen=True)
class Observed:
    """What a client said: verdict, reason where there is one, whose page it was shown, and its whole answer."""

    verdict: str
    reason: str
    page: str
    answer: str

    def __str__(self) -> str:
        """Say it in words, as tables do."""
        said = " ".join(filter(None, (self.verdict, self.reason)))
        return f"{said}, page of the {self.page}" if self.page else said


def ask(arena: Arena, kind: str, scene: Scene) -> Observed:
    """Let a client of this kind ask as a scene says; returns what it said last, raises `HostError` when it does not."""
    question = _ask_plain if kind == PLAIN else _ask_demanding
    first, *others = islice(cycle(scene.names or (arena.site,)), scene.attempts)
    observed = question(arena, kind, first, scene)
    for name in others:
        if observed.verdict == "refused":
            observed = question(arena, kind, name, scene)
    return observed


def _ask_demanding(arena: Arena, kind: str, name: str, scene: Scene) -> Observed:
    wanted = _Wanted.of(arena, scene.choice)
    more: dict[str, Any] = {}
    drawn = wanted
    if kind == REGIONAL and (regions := wanted.regions):
        more = {"regional": [{"domains": [registrable_domain(name)], "without": regions}]}
        drawn = wanted.contrary  # its draw alone would name them: it is the region that leaves them out
    _configure(arena, kind, drawn.key(name, KINDS[kind].candidates, _now(scene.clock_hours)), more)
    command = ["mecai", "client", "get", "--config", f"{FOLDER}/{kind}.toml", "--format", "json"]
    for _ in range(LIMITS.random_draws):
        answer = _say(arena, [*command, "--timeout", str(LIMITS.client_seconds), f"https://{name}/"], scene.clock_hours)
        if KINDS[kind].settings.get("selection") != "random" or wanted.met(_named(answer)):
            return _judged(answer)
    raise HostError(f"client {kind}: {LIMITS.random_draws} draws, none with {scene.choice}")


def forget(arena: Arena) -> None:
    """Remove what the clients of a scenario kept."""
    must(arena.run, arena.host("client").name, ["rm", "-rf", FOLDER])


@dataclass(frozen=True)
class _Wanted:
    """A choice in ids of authorities."""

    directory: Directory
    named: frozenset[bytes]
    unnamed: frozenset[bytes]

    @classmethod
    def of(cls, arena: Arena, choice: Choice) -> "_Wanted":
        client = arena.host("client").name
        publishers = loot.chain(loot.get(arena, client, "/etc/mecai/publishers.pem"), "publishers.pem")
        directory = parse_directory(loot.get(arena, client, "/etc/mecai/directory.der"), publishers, None)
        ids = {authority.name: authority.authority for authority in directory.authorities}

        def some(words: Iterable[str]) -> frozenset[bytes]:
            return frozenset(ids[arena.host(word).name] for word in words)

        return cls(directory, some(choice.named), some(choice.unnamed))

    def met(self, found: Sequence[bytes]) -> bool:
        return self.named <= set(found) and not self.unnamed & set(found)

    @property
    def contrary(self) -> "_Wanted":
        """Those named who were to be left out."""
        return _Wanted(self.directory, self.unnamed, frozenset())

    @property
    def regions(self) -> list[str]:
        """Where those are at home who shall not be named."""
        return sorted({each.region for each in self.directory.authorities if each.authority in self.unnamed})

    def key(self, site: str, k: int, now: datetime) -> bytes:
        """Find a key under which the draw is as wanted; any where none is: everybody is named, or nobody else left."""
        keys = (hashlib.sha256(number.to_bytes(2)).digest() for number in range(LIMITS.sticky_keys))
        fitting = (key for key in keys if self.met(candidates(self.directory, site, now, key=key, k=k)))
        return next(fitting, bytes(32))


def _now(clock_hours: int) -> datetime:
    return datetime.now(UTC) + timedelta(hours=clock_hours)


def _configure(arena: Arena, kind: str, key: bytes, more: Mapping[str, Any]) -> None:
    """Write the settings of this kind and its key; its state is its own, for one scenario."""
    client = arena.host("client").name
    settings: dict[str, Any] = tomllib.loads(must(arena.run, client, ["cat", _CONFIG]))
    own = {"state": f"{FOLDER}/{kind}", "selection_key": f"{FOLDER}/{kind}.key"}
    wanted = {**settings, **KINDS[kind].settings, **own, **more}
    lines = (f"{name} = {_toml(value)}" for name, value in wanted.items())
    script = f'umask 077; mkdir -p {FOLDER}; base64 -d >{FOLDER}/{kind}.key; printf %s "$1" >{FOLDER}/{kind}.toml'
    must(arena.run, client, ["sh", "-c", script, "sh", "\n".join(lines) + "\n"], base64.b64encode(key).decode())


def _toml(value: object) -> str:
    """Return a value in TOML, tables inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def _say(arena: Arena, command: Sequence[str], clock_hours: int) -> dict[str, Any]:
    done = arena.run(arena.host("client").name, [*_environment(clock_hours), *command], "")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{' '.join(command[:3])}: exit code {done.returncode}: {said}") from error
    return answer


def _environment(clock_hours: int) -> list[str]:
    """Return the prefix that keeps the keys of the handshakes and moves the clock (faketime(1))."""
    keys = ["env", f"SSLKEYLOGFILE={FOLDER}/keys.log"]
    return [*keys, "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", f"+{clock_hours}h"] if clock_hours else keys


def _named(answer: Mapping[str, Any]) -> list[bytes]:
    return [bytes.fromhex(candidate["authority"]) for candidate in answer["candidates"]]


def _judged(answer: Mapping[str, Any]) -> Observed:
    page = _whose(answer["page"]["body"]) if "page" in answer else ""
    return Observed(answer["verdict"], answer["reason"] or "", page, json.dumps(answer, indent=2))


def _ask_plain(arena: Arena, _kind: str, name: str, scene: Scene) -> Observed:
    client, limit = arena.host("client").name, str(LIMITS.client_seconds)
    must(arena.run, client, ["mkdir", "-p", FOLDER])
    command = ["curl", "--silent", "--show-error", "--max-time", limit, f"https://{name}/"]
    done = arena.run(client, [*_environment(scene.clock_hours), *command], "")
    if done.returncode == 0:
        return Observed("accepted", "", _whose(done.stdout), done.stdout)
    return Observed("refused", _CURL.get(done.returncode, f"curl {done.returncode}"), "", done.stderr)


def _whose(body: str) -> str:
    return "attacker" if PAGE in body else "site"
