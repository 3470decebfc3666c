"""What an attacker holds on a host: folders with a chain, its key, an OCSP staple and vouchers, one for each haul.

`TAG/` in his folder has `chain.pem`, `key.pem`, `staple.der` and `vouchers/NAME.der`; a scenario's steps name the tag.
"""

import base64
import binascii

from cryptography import x509

from mecai.errors import HostError
from testbed.roles.attacker import LOOT_FOLDER
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_INTO = 'umask 077; mkdir -p "$(dirname "$1")"; exec base64 -d >"$1"'

_AWAY = 'rm -rf "$1"; [ ! -d "$2" ] || rmdir --ignore-fail-on-non-empty "$2"'


def path(tag: str, name: str = "") -> str:
    """Return where a haul lies on the attacker's host, or one file of it."""
    return f"{LOOT_FOLDER}/{tag}/{name}".rstrip("/")


def put(arena: Arena, host: str, tag: str, name: str, content: bytes) -> None:
    """Write one file of a haul."""
    must(arena.run, host, ["sh", "-c", _INTO, "sh", path(tag, name)], base64.b64encode(content).decode())


def get(arena: Arena, host: str, file: str) -> bytes:
    """Read a file of a host; raises `HostError`."""
    try:
        return base64.b64decode(must(arena.run, host, ["base64", "-w0", file]), validate=True)
    except binascii.Error as error:
        raise HostError(f"{host}: {file}: came damaged: {error}") from error


def has(arena: Arena, host: str, file: str) -> bool:
    """Say whether a file is there, and holds something."""
    return arena.run(host, ["test", "-s", file], "").returncode == 0


def drop(arena: Arena, host: str, tag: str) -> None:
    """Throw a haul away; nothing where there is none."""
    must(arena.run, host, ["sh", "-c", _AWAY, "sh", path(tag), LOOT_FOLDER])


def chain(pem: bytes, source: str) -> list[x509.Certificate]:
    """Parse a chain (PEM), end entity first; raises `HostError`."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise HostError(f"{source}: no certificate in PEM: {error}") from error
