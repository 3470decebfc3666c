"""The attacker's means of the demonstration: answer for a site, with a certificate of an authority not the site's own.

Nothing is simulated: the compromised authority's own tool issues, the attacker's nginx answers, the resolver lies. Each
act is registered with what undoes it before it is done, so that whatever ends the attack also heals.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from cryptography import x509

from mecai.errors import HostError
from testbed.roles.attacker import CHAIN_FILE, SITE_FILE
from testbed.scenarios.hosts import Run, must

_KEY_FILE = "/etc/ssl/private/attacker.pem"
PAGE = "This page comes from the attacker."
_SITE = f"""server {{
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name NAME;
    ssl_certificate {CHAIN_FILE};
    ssl_certificate_key {_KEY_FILE};
    default_type text/plain;
    location / {{ return 200 "{PAGE}\\n"; }}
}}
"""
_RELOAD = ["systemctl", "reload-or-restart", "nginx"]
_CA = ["runuser", "-u", "mecai-ca", "--", "mecai", "ca"]
_CA_CONFIG = ["--config", "/etc/mecai/ca.toml"]


@dataclass(frozen=True)
class Attack:
    """Whose resolver lies, who answers at which addresses, who issues for him, and the name of the site."""

    resolver: str
    attacker: str
    addresses: tuple[str, str]
    compromised: str
    site: str


@contextmanager
def impersonation(run: Run, attack: Attack) -> Iterator[None]:
    """Let the attacker answer for the site; heals at the end, every part of it, and raises if one part will not."""
    with ExitStack() as healing:
        chain = _issue(run, attack)
        healing.callback(_revoke, run, attack, _serial(chain))
        healing.callback(_stop_answering, run, attack)
        _answer(run, attack, chain)
        healing.callback(_stop_lying, run, attack)
        _lie(run, attack)
        yield


def clear(run: Run, attack: Attack) -> None:
    """Undo what an earlier attack left that could not heal: its program was killed; nothing where nothing was left."""
    with ExitStack() as healing:
        healing.callback(_stop_answering, run, attack)
        left = run(attack.attacker, ["cat", CHAIN_FILE], "")
        if left.stdout:
            with suppress(HostError):  # the file was cut off: what it was to hold cannot be told
                healing.callback(_revoke, run, attack, _serial(left.stdout))
        healing.callback(_stop_lying, run, attack)


def _issue(run: Run, attack: Attack) -> str:
    """Let the compromised authority issue for the attacker's key; returns the chain (PEM)."""
    subject = ["-subj", f"/CN={attack.site}"]
    request = must(run, attack.attacker, ["openssl", "req", "-new", "-key", _KEY_FILE, *subject])
    options = ["--profile", "server", "--days", "1", "--dns", attack.site, "--csr", "-", "--out", "-"]
    return must(run, attack.compromised, [*_CA, "issue", *_CA_CONFIG, *options], request)


def _serial(chain: str) -> str:
    """Return the serial number of a chain's first certificate (PEM), in hexadecimal; raises `HostError`."""
    try:
        return f"{x509.load_pem_x509_certificate(chain.encode()).serial_number:x}"
    except ValueError as error:
        raise HostError(f"{CHAIN_FILE}: no certificate in PEM: {error}") from error


def _revoke(run: Run, attack: Attack, serial: str) -> None:
    must(run, attack.compromised, [*_CA, "revoke", *_CA_CONFIG, "--serial", serial])


def _answer(run: Run, attack: Attack, chain: str) -> None:
    must(run, attack.attacker, ["tee", CHAIN_FILE], chain)
    must(run, attack.attacker, ["tee", SITE_FILE], _SITE.replace("NAME", attack.site))
    must(run, attack.attacker, _RELOAD)


def _stop_answering(run: Run, attack: Attack) -> None:
    must(run, attack.attacker, ["rm", "--force", SITE_FILE, CHAIN_FILE])
    must(run, attack.attacker, _RELOAD)


def _lie(run: Run, attack: Attack) -> None:
    for kind, address in zip(("A", "AAAA"), attack.addresses, strict=True):
        must(run, attack.resolver, ["unbound-control", "local_data", f"{attack.site}. 1 IN {kind} {address}"])


def _stop_lying(run: Run, attack: Attack) -> None:
    must(run, attack.resolver, ["unbound-control", "local_data_remove", f"{attack.site}."])
