"""A site whose certificates stand in a slot (`mecai sidecar stage`): live at 443, next and backup at other ports.

Its nginx names the links of the slot, and its sidecar has an entry for each, as docs/sidecar.md says.
"""

import json
import shlex
from collections.abc import Sequence
from typing import Final

from testbed.scenarios import sites, staples
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

LIVE, NEXT, BACKUP = "live", "next", "backup"
PORTS: Final = {LIVE: 443, NEXT: 853, BACKUP: 993}  # where each is shown, and probed (docs/spec P4)
_SLOT: Final = "/etc/mecai/slot-"
_SITES: Final = "/etc/nginx/conf.d/slots.conf"
_SETTINGS: Final = "/etc/mecai/sidecar.toml"
_STAPLED: Final = "    voucher on;\n    voucher_ocsp on;\n"
# What the operator wrote is kept beside it.
_ADD: Final = """set -e
[ -e "$1.kept" ] || cp --preserve=all "$1" "$1.kept"
cat "$1.kept" - >"$1"
mecai config check sidecar "$1"
exec systemctl reload mecai-sidecar"""
_BRING_BACK: Final = '[ -e "$1.kept" ] || exit 0; mv "$1.kept" "$1"; exec systemctl restart mecai-sidecar'
# A sidecar keeps what it has of a certificate that it is asked for no more, until that ends.
_AWAY: Final = """for chain in "$1"/versions/*/fullchain.pem; do
    [ ! -e "$chain" ] || rm -rf "$2/$(openssl x509 -in "$chain" -outform DER | sha256sum | cut -c -64)"
done
exec rm -rf "$1"
"""
# It ends when no worker of before takes a connection any more: whoever comes then is shown what is live.
_RELOAD: Final = """before=$(grep -slxz "nginx: worker process" "$1"/[0-9]*/cmdline)
systemctl reload nginx || exit
for _ in $(seq 100); do
    grep -sqxz "nginx: worker process" $before </dev/null || exit 0
    sleep 0.1
done
echo "workers of before go on taking connections" >&2
exit 1"""
RELOAD: Final = ("--reload", shlex.join(["sh", "-c", _RELOAD, "sh", "/proc"]))


def path(tag: str, name: str = "") -> str:
    """Return where a slot is, or one file of it."""
    return f"{_SLOT}{tag}/{name}".rstrip("/")


def stage(arena: Arena, host: str, slot: str, pair: tuple[str, str], *options: str) -> None:
    """Lay a certificate in a slot, a chain and its key in files of the host; raises `HostError`."""
    chain, key = pair
    must(arena.run, host, ["mecai", "sidecar", "stage", path(slot), "--chain", chain, "--key", key, *options])


def serve(arena: Arena, host: str, slot: str, name: str, addresses: Sequence[str]) -> None:
    """Show what is in a slot, in the place of another, and have the sidecar keep its vouchers; raises `HostError`."""
    sites.serve(arena, host, _SITES, [_site(slot, link, name) for link in PORTS])
    entries = "".join(_entry(slot, link, addresses) for link in PORTS)
    must(arena.run, host, ["sh", "-c", _ADD, "sh", _SETTINGS], entries)


def remove(arena: Arena, host: str, slot: str) -> None:
    """Show nothing of a slot, and take it away with its keys and what was stapled; nothing where there is none."""
    sites.withdraw(arena, host, _SITES)
    must(arena.run, host, ["sh", "-c", _BRING_BACK, "sh", _SETTINGS])
    must(arena.run, host, ["sh", "-c", _AWAY, "sh", path(slot), staples.FOLDER])


def _site(slot: str, link: str, name: str) -> str:
    chain, key = path(slot, f"{link}/fullchain.pem"), path(slot, f"{link}/privkey.pem")
    return sites.site(name, chain, key, _STAPLED + sites.NOTHING, PORTS[link])


def _entry(slot: str, link: str, addresses: Sequence[str]) -> str:
    settings: dict[str, object] = {
        "chain": path(slot, f"{link}/fullchain.pem"),
        "addresses": list(addresses),
        "port": PORTS[link],
        "optional": link != LIVE,
    }
    if link != BACKUP:
        settings["succession"] = path(slot, f"{link}.succession")
    return "\n[[certificate]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
