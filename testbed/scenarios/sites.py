"""What a host's nginx serves over TLS only while a scenario lets it: sites in a file of their own."""

from collections.abc import Iterable

from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_SITE = """server {{
    listen {port} ssl;
    listen [::]:{port} ssl;
    server_name {name};
    ssl_certificate {chain};
    ssl_certificate_key {key};
{says}}}
"""
NOTHING = "    return 204;\n"
_REMOVE = '[ -e "$1" ] || exit 0; rm "$1"; exec systemctl restart nginx'


def site(name: str, chain: str, key: str, says: str = NOTHING, port: int = 443) -> str:
    """Return a site of this name, its chain and key in files of the host; `says` is the rest, in nginx's words."""
    return _SITE.format(name=name, chain=chain, key=key, says=says, port=port)


def serve(arena: Arena, host: str, file: str, sites: Iterable[str]) -> None:
    """Serve these alone of the file from now on; raises `HostError`.

    nginx is started anew: after a reload, workers of before go on answering for a while.
    """
    must(arena.run, host, ["tee", file], "".join(sites))
    must(arena.run, host, ["nginx", "-q", "-t"])
    must(arena.run, host, ["systemctl", "restart", "nginx"])


def withdraw(arena: Arena, host: str, file: str) -> None:
    """Serve nothing of the file any more; nothing where there is none."""
    must(arena.run, host, ["sh", "-c", _REMOVE, "sh", file])
