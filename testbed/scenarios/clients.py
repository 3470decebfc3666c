"""Ask a client of some kind, a real program on a host of the lab, and read what it says.

Which authorities a client names is drawn by chance: where a scene says who must be among them and who not, a key is
looked for under which the sticky draw says so, and the random one is drawn again.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final

from mecai.errors import HostError
from mecai.protocol.selection import registrable_domain
from testbed.machine.limits import LIMITS
from testbed.scenarios.arena import Arena
from testbed.scenarios.drawing import Wanted
from testbed.scenarios.hosts import must
from testbed.scenarios.kinds import KINDS, PLAIN, REGIONAL, host_of, settings, settings_text
from testbed.scenarios.means.impersonate import PAGE
from testbed.scenarios.scenario import Scene
from testbed.scenarios.services import SERVICES

FOLDER: Final = "/run/mecai-scenario"
KEYS: Final = f"{FOLDER}/keys.log"  # of all handshakes of a host's clients, as Wireshark reads them
# What curl's exit codes mean (curl(1), EXIT CODES), in reason codes.
_CURL: Final = {
    6: "unreachable",
    7: "unreachable",
    28: "unreachable",
    35: "handshake-failed",
    60: "certificate-invalid",
}


@dataclass(frozen=True)
class Observed:
    """What a client said: verdict, reason where there is one, whose page it was shown, and its whole answer.

    `seconds` is how long it took until it said so, where that is measured.
    """

    verdict: str
    reason: str
    page: str
    answer: str
    seconds: float | None = None

    def __str__(self) -> str:
        """Say it in words, as tables do."""
        said = " ".join(filter(None, (self.verdict, self.reason)))
        page = f", page of the {self.page}" if self.page else ""
        return f"{said}{page}{'' if self.seconds is None else f', after {self.seconds:.1f} s'}"


# Lets a client ask; returns what it said, raises `HostError` when it does not.
Question = Callable[[], Observed]


def ready(arena: Arena, kind: str, scene: Scene) -> Question:
    """Make a client of this kind ready to ask as a scene says; one that is refused asks again, as often as it says."""
    prepare = _plain if kind == PLAIN else _demanding
    names = islice(cycle(map(arena.name, scene.names or ("site",))), scene.attempts)
    first = prepare(arena, kind, next(names), scene)
    others = list(names)

    def ask() -> Observed:
        observed = first()
        for name in others:
            if observed.verdict == "refused":
                observed = prepare(arena, kind, name, scene)()
        return observed

    return ask


def forget(arena: Arena, hosts: Iterable[str]) -> None:
    """Remove what the clients on these hosts kept."""
    for host in hosts:
        must(arena.run, host, ["rm", "-rf", FOLDER])


def _demanding(arena: Arena, kind: str, name: str, scene: Scene) -> Question:
    host, of_kind = host_of(arena, kind), settings(arena, kind)
    wanted = Wanted.of(arena, host, of_kind, scene.choice)
    more: dict[str, Any] = {}
    drawn = wanted
    if kind == REGIONAL and (regions := wanted.regions):
        more = {"regional": [{"domains": [registrable_domain(name)], "without": regions}]}
        drawn = wanted.contrary  # its draw alone would name them: it is the region that leaves them out
    key = drawn.key(name, KINDS[kind].candidates, datetime.now(UTC) + timedelta(hours=scene.clock_hours))
    _configure(arena, kind, key, {**of_kind, **more})
    options = ("--config", f"{FOLDER}/{kind}.toml", "--format", "json", "--timeout", str(LIMITS.client_seconds))
    command = [*_environment(scene.clock_hours), *SERVICES[scene.service].mecais(name, *options)]

    def ask() -> Observed:
        for _ in range(LIMITS.random_draws):
            answer = _say(arena, host, command)
            if KINDS[kind].settings.get("selection") != "random" or wanted.met(_named(answer)):
                return _judged(answer)
        raise HostError(f"client {kind}: {LIMITS.random_draws} draws, none with {scene.choice}")

    return ask


def _configure(arena: Arena, kind: str, key: bytes, of_kind: Mapping[str, Any]) -> None:
    """Write the settings of this kind and its key; its state is its own, for one scenario."""
    own = {"state": f"{FOLDER}/{kind}", "selection_key": f"{FOLDER}/{kind}.key"}
    text = settings_text({**of_kind, **own})
    script = f'umask 077; mkdir -p {FOLDER}; base64 -d >{FOLDER}/{kind}.key; printf %s "$1" >{FOLDER}/{kind}.toml'
    written = ["sh", "-c", script, "sh", text]
    must(arena.run, host_of(arena, kind), written, base64.b64encode(key).decode())


def _say(arena: Arena, host: str, command: Sequence[str]) -> dict[str, Any]:
    done = arena.run(host, command, "")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{host}: mecai client: exit code {done.returncode}: {said}") from error
    return answer


def _environment(clock_hours: int) -> list[str]:
    """Return the prefix that keeps the keys of the handshakes and moves the clock (faketime(1))."""
    keys = ["env", f"SSLKEYLOGFILE={KEYS}"]
    return [*keys, "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", f"+{clock_hours}h"] if clock_hours else keys


def _named(answer: Mapping[str, Any]) -> list[bytes]:
    return [bytes.fromhex(candidate["authority"]) for candidate in answer["candidates"]]


def _judged(answer: Mapping[str, Any]) -> Observed:
    page = _whose(answer["page"]["body"]) if "page" in answer else ""
    return Observed(answer["verdict"], answer["reason"] or "", page, json.dumps(answer, indent=2))


def _plain(arena: Arena, kind: str, name: str, scene: Scene) -> Question:
    host, limit = host_of(arena, kind), str(LIMITS.client_seconds)
    must(arena.run, host, ["mkdir", "-p", FOLDER])
    asked = SERVICES[scene.service].curls(name)
    command = ["curl", "--silent", "--show-error", "--max-time", limit, *asked]

    def ask() -> Observed:
        done = arena.run(host, [*_environment(scene.clock_hours), *command], "")
        if done.returncode == 0:
            heard = done.stdout + done.stderr
            return Observed("accepted", "", _whose(heard), heard)
        return Observed("refused", _CURL.get(done.returncode, f"curl {done.returncode}"), "", done.stderr)

    return ask


def _whose(body: str) -> str:
    return "attacker" if PAGE in body else "site"
