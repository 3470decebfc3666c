"""A directory that the software vendor signs in a manner of its own (`tools/sign_directory`), and hosts get."""

import base64
from collections.abc import Iterable
from itertools import chain
from typing import Any

from cryptography import x509

from mecai.protocol.pki.identity import spki_hash
from testbed.roles import publisher
from testbed.scenarios import authorities, tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_STATE = "/var/lib/mecai-publisher"
_WRITE = 'base64 -d >"$1.new"; chmod 0644 "$1.new"; exec mv "$1.new" "$1"'
# Who goes by the vendor's directory (the role `directory_consumer`).
_READERS = ("authority", "tls_server", "client", "intranet_client", "attacker")


def deliver(arena: Arena, hosts: Iterable[str], manner: str, **told: Any) -> None:  # noqa: ANN401 - the tool's own
    """Sign a variation of the directory and write it on hosts; raises `HostError`."""
    _write(arena, hosts, _sign(arena, manner, keep=False, **told))


def list_ca(arena: Arena, authority: str, certificate: x509.Certificate) -> None:
    """Have the vendor list one more CA with its owner, and all get that."""
    spki = spki_hash(certificate).hex()
    deliver(arena, _readers(arena), "listing", spki=spki, authority=authorities.identifier(arena, authority))


def distrusting(arena: Arena, spki: str) -> bytes:
    """Have the vendor sign, and nobody get, a directory without trust in the CA of this key (SHA-256)."""
    return base64.b64decode(_sign(arena, "distrusting", keep=False, spki=spki))


def restore(arena: Arena) -> bytes:
    """Have the vendor publish what he stands by: all get it, so that none is left with more, or less, than another."""
    signed = _sign(arena, "honest", keep=True)
    _write(arena, _readers(arena), signed)
    return base64.b64decode(signed)


def _readers(arena: Arena) -> list[str]:
    return [host.name for host in chain.from_iterable(map(arena.plan.topology.of_role, _READERS))]


def _sign(arena: Arena, manner: str, **told: object) -> str:
    signed = tools.run(arena, arena.host("vendor").name, "sign_directory", folder=_STATE, manner=manner, **told)
    base64.b64decode(signed, validate=True)
    return signed


def _write(arena: Arena, hosts: Iterable[str], signed: str) -> None:
    file = f"{publisher.folder(arena.host('vendor'))}/directory.der"
    for host in hosts:
        must(arena.run, host, ["sh", "-c", _WRITE, "sh", file], signed)
