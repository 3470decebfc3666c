"""The tool of a certificate authority, used by whoever controls its host: issue, revoke, and ask for a status."""

from cryptography import x509

from mecai.protocol.pki.identity import authority_id, spki_der
from testbed.scenarios import loot
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_CA = ["runuser", "-u", "mecai-ca", "--", "mecai", "ca"]
ROOT = "/var/lib/mecai-ca-public/root.pem"
_CONFIG = ["--config", "/etc/mecai/ca.toml"]


def issue(arena: Arena, authority: str, request: str, name: str, *, profile: str = "server", days: int = 1) -> str:
    """Let an authority certify a request (PEM) for a name; returns the chain (PEM)."""
    options = ["--profile", profile, "--days", str(days), "--dns", name, "--csr", "-", "--out", "-"]
    return must(arena.run, authority, [*_CA, "issue", *_CONFIG, *options], request)


def revoke(arena: Arena, authority: str, certificate: x509.Certificate) -> None:
    """Let an authority revoke what it issued; a second time does nothing."""
    must(arena.run, authority, [*_CA, "revoke", *_CONFIG, "--serial", f"{certificate.serial_number:x}"])


def identifier(arena: Arena, authority: str) -> str:
    """Return the id of an authority's VA, in hexadecimal, as directory and vouchers have it."""
    root = loot.chain(loot.get(arena, authority, ROOT), ROOT)[0]
    return authority_id(spki_der(root)).hex()
