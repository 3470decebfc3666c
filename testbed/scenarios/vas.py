"""The host of a Voucher Authority Server, as its operator sees it: its verbs, and settings that hold for a while."""

import json
from collections.abc import Mapping, Sequence

from testbed.machine import waiting
from testbed.machine.limits import LIMITS
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_SETTINGS = "/etc/mecai/vas.toml"
# What the operator wrote is kept beside it; each setting goes before all else, in the place of one of its name.
_CHANGE = """set -e
[ -e "$1.kept" ] || cp --preserve=all "$1" "$1.kept"
file=$1; shift
for setting in "$@"; do
    others=$(grep --invert-match "^${setting%% *} = " "$file")
    printf '%s\\n%s\\n' "$setting" "$others" >"$file"
done
"""
_BRING_BACK = '[ -e "$1.kept" ] || exit 0; mv "$1.kept" "$1"\n'
_READ = """systemctl restart mecai-vas
! systemctl --quiet is-active mecai-vas-worker || systemctl restart mecai-vas-worker"""
REFRESH = ["runuser", "-u", "mecai-vas", "--", "/opt/mecai/venv/bin/mecai", "vas", "context", "refresh"]
_REACHED = (0, 1)  # exit codes: it is here, or was refused
_READY = ["curl", "--silent", "--fail", "--output", "/dev/null", "--unix-socket", "/run/mecai-vas/http.sock"]


def operate(arena: Arena, host: str, verb: Sequence[str], *, before: Sequence[str] = ()) -> str:
    """Run a verb of `mecai vas` as the server's user; `before` stands before it. Raises `HostError`."""
    return must(arena.run, host, ["runuser", "-u", "mecai-vas", "--", *before, "mecai", "vas", *verb])


def settle(arena: Arena, host: str, settings: Mapping[str, str | int]) -> None:
    """Give a VAS other settings than its operator's, words or numbers, and wait until it serves by them."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    _change(arena, host, _CHANGE, *lines)


def fetch(arena: Arena, host: str, context: str) -> None:
    """Have a VAS fetch a context's directory now, whether it accepts it or not.

    Routes and names may just have come back, so it tries again for a while; raises `HostError` where it reaches nobody.
    """
    waiting.until(
        lambda: arena.run(host, [*REFRESH, context], "").returncode in _REACHED,
        LIMITS.health_settle_seconds,
        lambda: f"{host}: does not reach the publisher of {context}: mecai vas context refresh",
    )


def unsettle(arena: Arena, host: str) -> None:
    """Bring back what the operator wrote; nothing where nothing else is settled."""
    _change(arena, host, _BRING_BACK)


def _change(arena: Arena, host: str, script: str, *lines: str) -> None:
    must(arena.run, host, ["sh", "-c", script + _READ, "sh", _SETTINGS, *lines])
    ready = [*_READY, "http://localhost/readyz"]
    waiting.until(
        lambda: arena.run(host, ready, "").returncode == 0, LIMITS.health_settle_seconds, lambda: f"{host}: not ready"
    )
