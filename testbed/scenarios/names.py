"""Names that are added to the lab's zone `test`, at the server that answers for it (knotc(8)), and taken away again."""

from collections.abc import Iterable

from testbed.machine import waiting
from testbed.machine.limits import LIMITS
from testbed.roles import nameserver
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_ZONE, _TTL = "test.", 5
# The names of the arguments lose what they have, then get the records on standard input, one a line, all at once.
_CHANGE = f"""set -f
knotc zone-abort {_ZONE} >/dev/null 2>&1
knotc zone-begin {_ZONE} || exit
for name in "$@"; do knotc zone-unset {_ZONE} "$name" >/dev/null 2>&1; done
while read -r record; do knotc zone-set {_ZONE} $record || exit; done
exec knotc zone-commit {_ZONE}"""
_KNOWN = 'kdig +short +timeout=2 @127.0.0.1 "$1" "$2" | grep --quiet .'


def publish(arena: Arena, records: Iterable[tuple[str, str, str]]) -> None:
    """Have the DNS say these records, each a name, a type and its data; every authority's resolver knows them then."""
    told = list(records)
    lines = [f"{name}. {_TTL} {kind} {data}\n" for name, kind, data in told]
    _change(arena, {name for name, _, _ in told}, "".join(lines))
    for resolver in dict.fromkeys(arena.plan.resolver(host.name).name for host in arena.hosts("authority")):
        for name, kind, _ in told:
            _wait(arena, resolver, name, kind)


def withdraw(arena: Arena, *names: str) -> None:
    """Have the DNS say nothing of these names any more; nothing where it did not."""
    _change(arena, set(names), "")


def _change(arena: Arena, names: Iterable[str], records: str) -> None:
    must(arena.run, _server(arena), ["sh", "-c", _CHANGE, "sh", *(f"{name}." for name in sorted(names))], records)


def _wait(arena: Arena, resolver: str, name: str, kind: str) -> None:
    """Wait until a resolver, which may remember for a while that there was nothing, knows a record."""
    waiting.until(
        lambda: arena.run(resolver, ["sh", "-c", _KNOWN, "sh", name, kind], "").returncode == 0,
        LIMITS.name_seconds,
        lambda: f"{resolver}: does not know {kind} of {name}",
    )


def _server(arena: Arena) -> str:
    """Return the host that serves the zone: a nameserver, or the router that does all."""
    plan = arena.plan
    return nameserver.servers(plan)["test"] if plan.topology.of_role("nameserver") else arena.hosts("router")[0].name
