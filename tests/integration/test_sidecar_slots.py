"""A certificate goes live with its vouchers, and a backup in a moment: a real nginx, whose clients never notice."""

import json
import os
import signal
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
from mecai.sidecar.settled import SETTLED
from tests.directories import PUBLISHER
from tests.integration.vouching import BIN, run
from tests.patience import SECONDS
from tests.ports import free_port

LIVE, OTHER, BACKUP = 0, 1, 2  # which site of the world
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
    server {{
        listen 127.0.0.1:{secondary} ssl;
        ssl_certificate {folder}/slot/next/fullchain.pem;
        ssl_certificate_key {folder}/slot/next/privkey.pem;
        return 204;
    }}
    server {{
        listen 127.0.0.1:{third} ssl;
        ssl_certificate {folder}/slot/backup/fullchain.pem;
        ssl_certificate_key {folder}/slot/backup/privkey.pem;
        return 204;
    }}
}}
"""


@dataclass
class Server:
    """A host with a slot, its sidecar's files, and an nginx."""

    world: World
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

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

    def stage(self, number: int, *words: str, code: int = 0) -> str:
        """Stage a site of the world."""
        site = self.world.sites[number]
        (self.folder / "new.pem").write_bytes(site.chain_pem)
        (self.folder / "new.key").touch(0o600)
        (self.folder / "new.key").write_bytes(site.key_pem)
        return self.mecai(
            "stage", "--chain", f"{self.folder}/new.pem", "--key", f"{self.folder}/new.key", *words, code=code
        )

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
        for path in folder.iterdir():  # long ago: a server has read them
            os.utime(path, (0, 0))

    def shown(self, link: str = "live") -> bytes:
        """Return the certificate that a client is shown at the port of a link, in DER."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.ports[link]), SECONDS) as plain,
            context.wrap_socket(plain) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(3, 3)


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
    return (server.folder / "slot" / link).resolve(strict=True).name


def test_for_a_timer_what_a_slot_has_is_staged_once(server: Server) -> None:
    server.stage(LIVE, "--once")
    server.stage(OTHER, "--once")
    server.stage(BACKUP, "--backup", "--once")
    before = (server.folder / "slot" / "now").readlink()
    for number in (LIVE, OTHER, BACKUP):
        for words in ((), ("--backup",)):
            assert not server.stage(number, "--once", *words, "--reload", "false")
    assert (server.folder / "slot" / "now").readlink() == before


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
    assert target(server, "next") == following  # so that a server block may name it
    assert server.switch("promote", "--reload", "false") == ""  # a timer's next turn


def test_what_came_just_now_goes_live_when_the_server_has_read_it(server: Server) -> None:
    """Its first visitor would get none: nginx reads by a timer, and a reload does not hasten it."""
    server.stage(LIVE)
    server.stage(OTHER)
    server.lay(OTHER, 2)
    newest = next((server.folder / "state" / "staples").glob("*/*.voucher"))
    os.utime(newest)
    came = newest.stat().st_mtime
    server.switch("promote", "--reload", f"touch {server.folder}/reloaded")
    assert (server.folder / "reloaded").stat().st_mtime - came >= SETTLED


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


def test_a_next_one_that_is_live_is_no_fault_of_the_settings(server: Server) -> None:
    server.stage(LIVE)
    server.lay(LIVE, 3)
    words = ("status", "--config", str(server.folder / "sidecar.toml"), "--format", "json")
    items = json.loads(run(BIN / "mecai", "sidecar", *words))["items"]
    assert [item["state"] for item in items] == ["good"] * 4


def test_a_reload_that_failed_is_tried_again_by_the_next_run(server: Server) -> None:
    server.stage(LIVE)
    assert "ended with 1" in server.stage(OTHER, "--reload", "false", code=3)
    told = server.folder / "told"
    reload = ("--reload", f"mkdir {told}")  # which fails where it has run already
    assert "OCSP staple: missing" in server.switch("promote", *reload, code=1)
    assert told.is_dir()
    assert "OCSP staple: missing" in server.switch("promote", *reload, code=1)


@pytest.mark.parametrize("verb", ["promote", "failover"])
def test_what_kills_a_switch_is_made_up_for_by_the_next_run(server: Server, verb: str) -> None:
    server.stage(LIVE)
    server.stage(OTHER, *(["--backup"] if verb == "failover" else []))
    server.lay(OTHER, 2)
    server.switch(verb, "--reload", "sh -c 'kill -KILL $PPID'", code=-signal.SIGKILL)
    assert server.switch("promote") == ""  # without a command it cannot
    server.switch("promote", "--reload", f"mkdir {server.folder}/told")
    assert (server.folder / "told").is_dir()
    server.switch("promote", "--reload", "false")  # nothing is owed any more
    assert target(server, "live") == hash_of(server.world.sites[OTHER].certificate).hex()[:32]


def test_nobody_else_has_the_slot_while_a_server_reloads(server: Server) -> None:
    free = ("--reload", f"flock --nonblock {server.folder}/slot/lock true")
    server.stage(LIVE)
    for number in (OTHER, BACKUP):
        server.lay(number, 2)
    assert "ended with 1" in server.stage(OTHER, *free, code=3)
    assert "ended with 1" in server.switch("promote", *free, code=3)
    server.stage(BACKUP, "--backup")
    assert "ended with 1" in server.switch("failover", *free, code=3)
    assert "ended with 1" in server.switch("promote", *free, code=3)


def test_no_failover_where_there_is_no_backup(server: Server) -> None:
    assert "backup: there is none" in server.switch("failover", code=3)
    server.stage(LIVE)
    assert "backup: there is none" in server.switch("failover", code=3)


@pytest.fixture
def nginx(server: Server) -> Iterator[Server]:
    server.stage(LIVE)
    server.ports = {link: free_port() for link in ("live", "next", "backup")}
    live, following, backup = server.ports.values()
    places = {"folder": server.folder, "port": live, "secondary": following, "third": backup}
    (server.folder / "nginx.conf").write_text(NGINX.format(**places))
    command = ["nginx", "-c", f"{server.folder}/nginx.conf", "-e", f"{server.folder}/error.log"]
    subprocess.run(command, check=True, timeout=SECONDS)
    yield server
    subprocess.run([*command, "-s", "stop"], check=True, timeout=SECONDS)


@dataclass
class Clients:
    """One at each port, which make handshakes without pause."""

    server: Server
    seen: dict[str, set[bytes]] = field(default_factory=lambda: {link: set() for link in ("live", "next", "backup")})
    failures: list[Exception] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def connect(self, link: str) -> None:
        """Make handshakes at one port until the end."""
        while not self.ended.is_set():
            try:
                self.seen[link].add(self.server.shown(link))
            except OSError as error:
                self.failures.append(error)

    def wait(self, **wanted: int) -> None:
        """Wait until every port shows what is wanted there."""
        deadline = Deadline(SECONDS)
        for link, number in wanted.items():
            while self.server.shown(link) != self.server.world.sites[number].der:
                deadline.require()


@pytest.fixture
def clients(nginx: Server) -> Iterator[Clients]:
    found = Clients(nginx)
    threads = [threading.Thread(target=found.connect, args=(link,)) for link in found.seen]
    for thread in threads:
        thread.start()
    yield found
    found.ended.set()
    for thread in threads:
        thread.join(SECONDS)


def test_no_handshake_fails_while_certificates_take_their_turns(clients: Clients) -> None:
    server = clients.server
    reload = ("--reload", server.reload)
    for number in (LIVE, OTHER, BACKUP):
        server.lay(number, 2)
    clients.wait(live=LIVE, next=LIVE, backup=LIVE)
    server.stage(OTHER, *reload)
    clients.wait(live=LIVE, next=OTHER, backup=LIVE)
    server.switch("promote", *reload)
    clients.wait(live=OTHER, next=OTHER, backup=OTHER)
    server.stage(BACKUP, "--backup", *reload)
    clients.wait(live=OTHER, next=OTHER, backup=BACKUP)
    server.switch("failover", *reload)
    clients.wait(live=BACKUP, next=BACKUP, backup=OTHER)
    server.switch("failover", *reload)
    clients.wait(live=OTHER, next=OTHER, backup=BACKUP)
    clients.ended.set()
    assert clients.failures == []
    everything = {site.der for site in server.world.sites}
    assert clients.seen == dict.fromkeys(clients.seen, everything)
    assert "emerg" not in (server.folder / "error.log").read_text()
