"""The tool of a certificate authority, used by whoever controls its host: issue, revoke, and ask for a status."""

from cryptography import x509

from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

_CA = ["runuser", "-u", "mecai-ca", "--", "mecai", "ca"]
_CONFIG = ["--config", "/etc/mecai/ca.toml"]


def issue(arena: Arena, authority: str, request: str, name: str) -> str:
    """Let an authority certify a request (PEM) for a name; returns the chain (PEM)."""
    options = ["--profile", "server", "--days", "1", "--dns", name, "--csr", "-", "--out", "-"]
    return must(arena.run, authority, [*_CA, "issue", *_CONFIG, *options], request)


def revoke(arena: Arena, authority: str, certificate: x509.Certificate) -> None:
    """Let an authority revoke what it issued; a second time does nothing."""
    must(arena.run, authority, [*_CA, "revoke", *_CONFIG, "--serial", f"{certificate.serial_number:x}"])
