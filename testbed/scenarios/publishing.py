"""A directory that the software vendor signs in a manner of its own (`tools/sign_directory`), and hosts get.

Voucher Authorities fetch it from the vendor's web server, as they do every hour; all others have it as a file.
"""

import base64
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

from cryptography import x509

from mecai.protocol.pki.identity import spki_hash
from testbed.machine.limits import LIMITS
from testbed.roles import publisher
from testbed.scenarios import authorities, tools, vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_STATE = "/var/lib/mecai-publisher"
_SERVED = "/var/lib/mecai-publisher-public/directory.der"
_WRITE = 'base64 -d >"$1.new"; chmod 0644 "$1.new"; exec mv "$1.new" "$1"'
# Who has the vendor's directory as a file (the role `directory_consumer`), and who fetches it.
_READERS = ("tls_server", "client", "intranet_client", "attacker")
_FETCHERS = ("authority",)


def deliver(arena: Arena, hosts: Collection[str], manner: str, **told: Any) -> None:  # noqa: ANN401 - the tool's own
    """Sign a variation of the directory, and have hosts get it; raises `HostError`.

    An authority gets it by way of the vendor's web server, where others, too, find it within the hour.
    """
    _give(arena, hosts, _sign(arena, manner, keep=False, **told))


def list_ca(arena: Arena, authority: str, certificate: x509.Certificate) -> None:
    """Have the vendor list one more CA with its owner, and all get that."""
    spki = spki_hash(certificate).hex()
    deliver(arena, _everybody(arena), "listing", spki=spki, authority=authorities.identifier(arena, authority))


def publish_distrust(arena: Arena, spki: str) -> None:
    """Have the vendor publish, and tell nobody, that he has no trust in the CA of this key (SHA-256)."""
    _publish(arena, _sign(arena, "distrusting", keep=False, spki=spki))


def restore(arena: Arena) -> None:
    """Have the vendor publish what he stands by: all get it, so that none is left with more, or less, than another."""
    _give(arena, _everybody(arena), _sign(arena, "honest", keep=True))


def _everybody(arena: Arena) -> list[str]:
    return _hosts(arena, (*_READERS, *_FETCHERS))


def _hosts(arena: Arena, roles: Iterable[str]) -> list[str]:
    return [host.name for host in chain.from_iterable(map(arena.plan.topology.of_role, roles))]


def _sign(arena: Arena, manner: str, **told: object) -> str:
    signed = tools.run(arena, _vendor(arena), "sign_directory", folder=_STATE, manner=manner, **told)
    base64.b64decode(signed, validate=True)
    return signed


def _give(arena: Arena, hosts: Collection[str], signed: str) -> None:
    file = f"{publisher.folder(arena.host('vendor'))}/directory.der"
    fetching = [host for host in _hosts(arena, _FETCHERS) if host in hosts]
    for host in hosts:
        if host not in fetching:
            must(arena.run, host, ["sh", "-c", _WRITE, "sh", file], signed)
    if fetching:
        _publish(arena, signed)
        with ThreadPoolExecutor(max_workers=LIMITS.health_hosts_at_once) as pool:
            list(pool.map(partial(vas.fetch, arena, context=publisher.VENDORS), fetching))


def _publish(arena: Arena, signed: str) -> None:
    """Have the vendor's web server show a directory from now on."""
    as_publisher = ["runuser", "-u", "mecai-publisher", "--"]
    must(arena.run, _vendor(arena), [*as_publisher, "sh", "-c", _WRITE, "sh", _SERVED], signed)


def _vendor(arena: Arena) -> str:
    return arena.host("vendor").name
