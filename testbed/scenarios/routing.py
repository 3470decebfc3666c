"""What routers go by in a lab whose systems route by BGP: their tables, and who has heard of what (birdc(8))."""

from collections.abc import Iterator

from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until
from testbed.model.interdomain import Prefix
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

# What BIRD knows, the routes that it goes by marked with a star, and what the kernel has of them.
_TABLES = "birdc show route; ip route show proto bird; ip -6 route show proto bird"


def tables(arena: Arena) -> str:
    """Return the tables of all routers that speak BGP; empty where none does."""
    return "".join(_tables(arena))


def wait(arena: Arena, router: str, prefix: Prefix, system: int, *, heard: bool) -> None:
    """Wait until a router has heard that a system announces a prefix, or no longer does; raises `HostError`."""
    question = ["birdc", "show", "route", str(prefix), "where", f"bgp_path.last = {system}"]
    until(
        lambda: (str(prefix) in arena.run(router, question, "").stdout) == heard,
        LIMITS.command_seconds,
        lambda: f"{router}: {prefix} of AS {system}: {'not heard of' if heard else 'not withdrawn'}",
    )


def _tables(arena: Arena) -> Iterator[str]:
    for host in arena.plan.topology.of_role("bgp_router"):
        yield f"{host.name}\n{must(arena.run, host.name, ['sh', '-c', _TABLES])}\n"
