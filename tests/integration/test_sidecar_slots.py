"""A certificate goes live with its vouchers, and a backup in a moment: a real nginx, whose clients never notice."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.vouching_double import SITE, World, make_world
from mecai.protocol.objects.succession import parse_succession
from mecai.protocol.pki.identity import authority_id, certificate_hash, hash_of, spki_der
from mecai.service.deadline import Deadline
from tests.directories import PUBLISHER
from tests.integration.vouching import BIN

SECONDS = 60
LIVE, OTHER = 0, 1  # which site of the world
NGINX = """
daemon on;
error_log {folder}/error.log;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/slot/live/fullchain.pem;
        ssl_certificate_key {folder}/slot/live/privkey.pem;
        return 204;
    }}
}}
"""


@dataclass
class Server:
    """A host with a slot, its sidecar's files, and an nginx."""

    world: World
    folder: Path
    port: int = 0
    shown: list[bytes] = field(default_factory=list)

    @property
    def reload(self) -> str:
        """Return what reloads nginx."""
        return f"nginx -c {self.folder}/nginx.conf -e {self.folder}/error.log -s reload"

    def mecai(self, *words: str, code: int = 0) -> str:
        """Run a verb; return what it says."""
        command = [str(BIN / "mecai"), "sidecar", words[0], str(self.folder / "slot"), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def stage(self, number: int, *words: str) -> str:
        """Stage a site of the world."""
        site = self.world.sites[number]
        (self.folder / "new.pem").write_bytes(site.chain_pem)
        (self.folder / "new.key").touch(0o600)
        (self.folder / "new.key").write_bytes(site.key_pem)
        return self.mecai("stage", "--chain", f"{self.folder}/new.pem", "--key", f"{self.folder}/new.key", *words)

    def switch(self, verb: str, *words: str, code: int = 0) -> str:
        """Promote, or fail over."""
        return self.mecai(verb, "--config", f"{self.folder}/sidecar.toml", *words, code=code)

    def lay(self, number: int, vouchers: int) -> None:
        """Write what a sidecar would have fetched for a site."""
        site = self.world.sites[number]
        folder = self.folder / "state" / "staples" / certificate_hash(site.der).hex()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ocsp.der").write_bytes(self.world.scene.alder.ocsp(site))
        for authority in self.world.authorities[:vouchers]:
            name = authority_id(spki_der(authority.root.certificate)).hex()
            voucher = self.world.vouchers(authority)[certificate_hash(site.der)]
            (folder / f"{name}.voucher").write_bytes(voucher)

    def live(self) -> bytes:
        """Return the certificate that a client is shown, in DER."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), SECONDS) as plain, context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True) or b""


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(2, 3)


@pytest.fixture
def server(world: World, tmp_path: Path) -> Server:
    (tmp_path / "slot").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    (tmp_path / "directory.der").write_bytes(world.directory([1, 2, 3]))
    lines = [f'directory = "{tmp_path}/directory.der"', f'publishers = "{tmp_path}/publishers.pem"']
    lines += [f'state = "{tmp_path}/state"', 'allowed_networks = ["127.0.0.0/8"]']
    for link, port in (("live", 443), ("next", 853), ("backup", 993)):
        lines += ["[[certificate]]", f'chain = "{tmp_path}/slot/{link}/fullchain.pem"', f'addresses = ["{SITE}"]']
        lines += [f"port = {port}", "optional = true"]
    (tmp_path / "sidecar.toml").write_text("\n".join(lines))
    return Server(world, tmp_path)


def target(server: Server, link: str) -> str:
    return str((server.folder / "slot" / link).readlink())


def test_a_next_certificate_waits_for_its_vouchers(server: Server) -> None:
    server.stage(LIVE)
    first = target(server, "live")
    server.stage(OTHER)
    assert target(server, "live") == first
    assert "OCSP staple: missing" in server.switch("promote", code=1)
    server.lay(OTHER, 1)
    assert "1 vouchers, 2 needed" in server.switch("promote", code=1)
    assert target(server, "live") == first
    server.lay(OTHER, 2)
    following = target(server, "next")
    server.switch("promote")
    assert target(server, "live") == following
    assert not os.path.lexists(server.folder / "slot" / "next")
    assert server.switch("promote") == ""  # a timer's next turn


def test_a_staple_that_is_missing_keeps_it_too(server: Server) -> None:
    server.stage(LIVE)
    server.stage(OTHER)
    server.lay(OTHER, 3)
    next((server.folder / "state" / "staples").glob("*/ocsp.der")).unlink()
    assert "OCSP staple: missing" in server.switch("promote", code=1)


def test_the_live_key_says_that_the_next_follows(server: Server) -> None:
    server.stage(LIVE)
    server.stage(OTHER)
    statement = parse_succession((server.folder / "slot" / "next.succession").read_bytes())
    old, new = (server.world.sites[each].certificate for each in (LIVE, OTHER))
    assert (statement.statement.old, statement.statement.new) == (
        hash_of(old),
        hash_of(new),
    )


def test_a_reload_that_fails_leaves_everything_as_it_was(server: Server) -> None:
    server.stage(LIVE)
    server.stage(OTHER, "--backup")
    before = target(server, "live"), target(server, "backup")
    server.lay(OTHER, 2)
    assert "ended with 1" in server.switch("failover", "--reload", "false", code=3)
    assert (target(server, "live"), target(server, "backup")) == before


def test_keys_are_for_their_owner_alone(server: Server) -> None:
    server.stage(LIVE)
    (key,) = (server.folder / "slot" / "versions").glob("*/privkey.pem")
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_of_another_certificate_is_not_laid(server: Server) -> None:
    site = server.world.sites[LIVE]
    (server.folder / "new.pem").write_bytes(site.chain_pem)
    (server.folder / "new.key").touch(0o600)
    (server.folder / "new.key").write_bytes(server.world.sites[OTHER].key_pem)
    words = ("--chain", f"{server.folder}/new.pem", "--key", f"{server.folder}/new.key")
    assert "is not the key of the certificate" in server.mecai("stage", *words, code=2)
    assert list((server.folder / "slot").iterdir()) == []


@pytest.fixture
def nginx(server: Server) -> Iterator[Server]:
    server.stage(LIVE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    (server.folder / "nginx.conf").write_text(NGINX.format(folder=server.folder, port=server.port))
    assert shutil.which("nginx")
    command = ["nginx", "-c", f"{server.folder}/nginx.conf", "-e", f"{server.folder}/error.log"]
    subprocess.run(command, check=True, timeout=SECONDS)
    yield server
    subprocess.run([*command, "-s", "stop"], check=True, timeout=SECONDS)


def test_a_failover_fails_no_handshake(nginx: Server) -> None:
    nginx.stage(OTHER, "--backup")
    nginx.lay(OTHER, 2)
    nginx.lay(LIVE, 2)
    failures: list[Exception] = []
    ended = threading.Event()

    def connect() -> None:
        while not ended.is_set():
            try:
                nginx.shown.append(nginx.live())
            except OSError as error:
                failures.append(error)

    clients = [threading.Thread(target=connect) for _ in range(2)]
    for client in clients:
        client.start()
    deadline = Deadline(SECONDS)
    try:
        for wanted in (OTHER, LIVE):
            nginx.switch("failover", "--reload", nginx.reload)
            while nginx.live() != nginx.world.sites[wanted].der:
                deadline.require()
    finally:
        ended.set()
        for client in clients:
            client.join()
    assert failures == []
    assert set(nginx.shown) == {site.der for site in nginx.world.sites}
