"""What a server staples, and how it comes to be renewed before its time."""

from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

FOLDER = "/var/lib/mecai-sidecar/staples"


def renew(arena: Arena, server: str) -> None:
    """Let a server's sidecar ask every authority now; one may be out of reach, and gives none."""
    arena.run(server, ["mecai", "sidecar", "refresh"], "")
    read_anew(arena, server)


def read_anew(arena: Arena, server: str) -> None:
    """Have nginx read its folder now, not at its next look: what is asked next is answered from what is there."""
    must(arena.run, server, ["systemctl", "restart", "nginx"])
