"""Rules for the packets that reach or pass a host (nft(8)), and the router next to one, where somebody on the path is.

Each rule set is a table of its own, so that it goes wholly or not at all.
"""

from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_REMOVE = 'nft list table inet "$1" >/dev/null 2>&1 || exit 0; exec nft delete table inet "$1"'


def router_of(arena: Arena, host: str) -> str:
    """Return the router that a host's packets pass first; raises `StopIteration` for none, which no topology has."""
    zone = arena.plan.topology.host(host).zone
    return next(other.name for other in arena.plan.topology.linked(zone) if other.forwards)


def rule(arena: Arena, host: str, table: str, chain: str) -> None:
    """Add a table with one chain of rules, in the place of one of this name."""
    remove(arena, host, table)
    must(arena.run, host, ["nft", "-f", "-"], f"table inet {table} {{\n  chain attack {{\n{chain}  }}\n}}\n")


def remove(arena: Arena, host: str, table: str) -> None:
    """Remove a table; nothing where there is none."""
    must(arena.run, host, ["sh", "-c", _REMOVE, "sh", table])


def divert(arena: Arena, router: str, table: str, *, server: str, to: str, port: int, only: str = "") -> None:
    """Send what passes a router for a server's port 443 to another host's port; `only` is a match that goes before."""
    pairs = zip(("ip", "ip6"), arena.plan.addresses(server), arena.plan.addresses(to), strict=True)
    rules = "".join(
        f"    {only}{family} daddr {real} tcp dport 443 dnat {family} to {_at(false, port)}\n"
        for family, real, false in pairs
    )
    rule(arena, router, table, "    type nat hook prerouting priority dstnat;\n" + rules)


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
