"""The tool of a certificate authority, used by whoever controls its host: issue, revoke, and ask for a status."""

import json
from collections.abc import Iterable

from cryptography import x509

from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from testbed.scenarios import loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_CA = ["runuser", "-u", "mecai-ca", "--", "mecai", "ca"]
ROOT = "/var/lib/mecai-ca-public/root.pem"
_CONFIG = ["--config", "/etc/mecai/ca.toml"]


def issue(
    arena: Arena, authority: str, request: str, names: Iterable[str], *, profile: str = "server", days: int = 1
) -> str:
    """Let an authority certify a request (PEM) for names; returns the chain (PEM)."""
    wanted = [word for name in names for word in ("--dns", name)]
    options = ["--profile", profile, "--days", str(days), *wanted, "--csr", "-", "--out", "-"]
    return must(arena.run, authority, [*_CA, "issue", *_CONFIG, *options], request)


def issue_many(arena: Arena, authority: str, request: str, names: Iterable[str]) -> list[str]:
    """Let an authority certify a request (PEM) once for each name, for a day; returns the chains (PEM)."""
    asked = {name: {"profile": "server", "csr": request, "dns": [name], "days": 1} for name in names}
    answers = json.loads(must(arena.run, authority, [*_CA, "batch", "issue", *_CONFIG], json.dumps(asked)))
    return [answers[name]["answer"] for name in asked]


def revoke(arena: Arena, authority: str, certificate: x509.Certificate) -> None:
    """Let an authority revoke what it issued; a second time does nothing."""
    must(arena.run, authority, [*_CA, "revoke", *_CONFIG, "--serial", f"{certificate.serial_number:x}"])


def identifier(arena: Arena, authority: str) -> str:
    """Return the id of an authority's VA, in hexadecimal, as directory and vouchers have it."""
    return authority_id(spki_der(_root(arena, authority))).hex()


def root_hash(arena: Arena, authority: str) -> str:
    """Return the hash of the key of an authority's root, in hexadecimal, as distrust entries have it."""
    return spki_hash(_root(arena, authority)).hex()


def _root(arena: Arena, authority: str) -> x509.Certificate:
    return loot.chain(loot.get(arena, authority, ROOT), ROOT)[0]
