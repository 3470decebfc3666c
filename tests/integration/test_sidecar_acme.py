"""A key that certbot renews waits out no hold: a real ACME server, certbot with the hook of docs, nginx, a real VAS."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from mecai.protocol.pki.identity import hash_of, spki_hash
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.database import open_database
from tests.integration.acme import Acme, acme
from tests.integration.vouching import BIN, NETWORK, World, run, running
from tests.patience import SECONDS

NAME = "shop.example.test"
SITE, RESPONDER = f"{NETWORK}.4", f"{NETWORK}.5"
HOLD = 72 * 3600  # seconds: nobody waits for the end of this one
HOOK = Path(__file__).parents[2] / "docs" / "examples" / "certbot-deploy-hook"
NGINX = """
pid {home}/pid; error_log {home}/error.log; user root;
events {{}}
http {{
    access_log off;
    server {{
        listen {site}:443 ssl;
        ssl_certificate {slot}/live/fullchain.pem;
        ssl_certificate_key {slot}/live/privkey.pem;
        return 204;
    }}
    server {{
        listen {site}:853 ssl;
        ssl_certificate {slot}/next/fullchain.pem;
        ssl_certificate_key {slot}/next/privkey.pem;
        return 204;
    }}
}}
"""
SETTINGS = """
directory = "{world.directory_path}"
publishers = "{world.publishers_path}"
state = "{home}/state"
allowed_networks = ["127.0.0.0/8"]
[[certificate]]
chain = "{slot}/live/fullchain.pem"
addresses = ["{site}"]
succession = "{slot}/live.succession"
[[certificate]]
chain = "{slot}/next/fullchain.pem"
addresses = ["{site}"]
port = 853
optional = true
{succession}
"""


@dataclass
class Host:
    """A web server's host, with certbot, a slot and a sidecar."""

    home: Path
    world: World
    server: Acme

    @property
    def slot(self) -> Path:
        """Where its certificates take turns."""
        return self.home / "tls" / NAME

    @property
    def reload(self) -> str:
        """What reloads nginx, if it runs."""
        return (
            f"sh -c 'test ! -e {self.home}/pid || nginx -c {self.home}/nginx.conf -e {self.home}/error.log -s reload'"
        )

    def certbot(self, *words: str) -> str:
        """Run certbot with the hook."""
        return self.server.certbot(*words, hook=HOOK, MECAI_SLOTS=f"{self.home}/tls", MECAI_RELOAD=self.reload)

    def settle(self, *, succession: bool) -> None:
        """Write the settings, with the succession or without."""
        line = f'succession = "{self.slot}/next.succession"' if succession else ""
        places = {"world": self.world, "home": self.home, "slot": self.slot, "site": SITE, "succession": line}
        (self.home / "sidecar.toml").write_text(SETTINGS.format(**places))

    def asked(self) -> list[str]:
        """Let the sidecar ask; return how birch's vouchers stand: for the live certificate, and for the next one."""
        words = ("refresh", "--config", self.home / "sidecar.toml", "--format", "json")
        items = json.loads(run(BIN / "mecai", "sidecar", *words, code=1))["items"]  # 1: of alder nobody has an address
        return [f"{item['state']} {item['detail']}".rstrip() for item in items if item["name"] == "birch"]

    def promote(self, code: int = 0) -> None:
        """Do what the timer does."""
        words = (self.slot, "--config", self.home / "sidecar.toml", "--quorum", "1", "--reload", self.reload)
        run(BIN / "mecai", "sidecar", "promote", *words, code=code)

    def end_hold(self) -> None:
        """Let the hold of the live certificate be over."""
        engine = open_database(f"sqlite:///{self.world.birch.home}/vas.sqlite")
        live = load_certificates(self.slot / "live" / "fullchain.pem")[0]
        CertificateLog(engine).release(hash_of(live), datetime.now(UTC), "expedite")
        engine.dispose()


def shown(port: int) -> x509.Certificate:
    """Return what the web server shows at a port."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((SITE, port), timeout=SECONDS).encode())


def until_shown(port: int, *, other: x509.Certificate) -> x509.Certificate:
    """Wait until a reload is done, and return what is shown in the place of another certificate."""
    deadline = Deadline(SECONDS)
    while (found := shown(port)) == other:
        deadline.require()
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    home = tmp_path_factory.mktemp("acme")
    with ExitStack() as stack:
        (home / "world").mkdir()
        world = stack.enter_context(running(home / "world", hold=HOLD))
        server = stack.enter_context(acme(home / "acme", RESPONDER))
        world.others.append(server.entry())
        world.publish()
        (home / "state").mkdir()
        found = Host(home, world, server)
        found.certbot("certonly", "--agree-tos", "--register-unsafely-without-email", "-d", NAME)
        (home / "nginx.conf").write_text(NGINX.format(home=home, slot=found.slot, site=SITE))
        command = ["nginx", "-c", f"{home}/nginx.conf", "-e", f"{home}/error.log"]
        subprocess.run(command, check=True)
        stack.callback(subprocess.run, [*command, "-s", "stop"], check=True)
        yield found


def test_a_renewed_key_waits_out_no_hold(host: Host) -> None:
    host.settle(succession=True)
    (first,) = host.asked()
    assert first.startswith("missing on hold until ")
    host.end_hold()
    assert host.asked() == ["good"]
    for _ in range(2):  # a renewal, and one of what was renewed
        live = shown(443)
        host.certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")
        following = until_shown(853, other=live)
        assert spki_hash(following) != spki_hash(live)
        host.settle(succession=False)
        assert host.asked()[1].startswith("missing on hold until ")
        host.promote(code=1)
        assert shown(443) == live
        host.settle(succession=True)
        assert host.asked() == ["good", "good"]
        host.promote()
        assert until_shown(443, other=live) == following
        assert host.asked() == ["good"]  # for the other port, too
