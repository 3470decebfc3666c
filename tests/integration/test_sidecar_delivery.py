"""One host fetches, another one serves: `mecai sidecar push` and `pull` over a real SSH with a forced command."""

import getpass
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.vouching_double import SITE, World, make_world
from mecai.protocol.pki.identity import authority_id, certificate_hash, spki_der
from mecai.service.deadline import Deadline
from tests.directories import PUBLISHER
from tests.integration.vouching import BIN

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
SECONDS = 60
CONFIG = """
directory = "{folder}/directory.der"
publishers = "{folder}/publishers.pem"
state = "{folder}/state"
allowed_networks = ["127.0.0.0/8"]
[[certificate]]
chain = "{folder}/www.pem"
addresses = ["{address}"]
"""
SERVER = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PermitRootLogin forced-commands-only
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sshd gives up its privileges, so it needs root")


@dataclass(frozen=True)
class Hosts:
    """The host that fetches, and the one that serves, each a folder; between them a real sshd."""

    home: Path
    port: int

    def config(self, host: str) -> Path:
        """Return the settings of a host."""
        return self.home / host / "sidecar.toml"

    def files(self, host: str) -> dict[str, bytes]:
        """Return what is in its store."""
        staples = self.home / host / "state" / "staples"
        return {str(path.relative_to(staples)): path.read_bytes() for path in staples.glob("*/*")}

    def force(self, host: str, verb: str) -> None:
        """Let the key of the other host run this, and nothing else; what it connects to is recorded."""
        path = os.environ.get("PYTHONPATH", "")
        command = f"strace -f -o {self.home}/calls -e trace=connect,bind {BIN}/mecai sidecar {verb}"
        forced = f"env PYTHONPATH={Path(path).resolve() if path else ''} {command} --config {self.config(host)}"
        public = (self.home / "deliverer.pub").read_text()
        (self.home / "authorized").write_text(f'restrict,command="{forced}" {public}')

    def mecai(self, verb: str, host: str) -> "subprocess.CompletedProcess[str]":
        """Run push or pull at a host."""
        ssh = f"ssh -F none -p {self.port} -i {self.home}/deliverer -o UserKnownHostsFile={self.home}/known"
        words = ["sidecar", verb, f"{getpass.getuser()}@127.0.0.1", "--config", str(self.config(host)), "--ssh", ssh]
        return subprocess.run(
            [str(BIN / "mecai"), *words], capture_output=True, text=True, timeout=SECONDS, check=False
        )


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(1, 2)


@pytest.fixture
def hosts(world: World, tmp_path: Path) -> Iterator[Hosts]:
    for host in ("fetching", "serving"):
        folder = tmp_path / host
        (folder / "state").mkdir(parents=True)
        (folder / "publishers.pem").write_bytes(PUBLISHER.pem)
        (folder / "www.pem").write_bytes(world.sites[0].chain_pem)
        (folder / "sidecar.toml").write_text(CONFIG.format(folder=folder, address=SITE))
    (tmp_path / "fetching" / "directory.der").write_bytes(world.directory([1, 2]))
    lay(world, tmp_path / "fetching" / "state" / "staples")
    for name in ("host", "deliverer"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {(tmp_path / 'host.pub').read_text()}")
    (tmp_path / "sshd").write_text(SERVER.format(folder=tmp_path, port=port))
    assert SSHD, "openssh-server is not installed: make test-deps"
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "sshd"]) as server:
        try:
            await_port(port)
            yield Hosts(tmp_path, port)
        finally:
            server.terminate()


def lay(world: World, staples: Path) -> None:
    """Write what a sidecar would have fetched."""
    (site,) = world.sites
    folder = staples / certificate_hash(site.der).hex()
    folder.mkdir(parents=True)
    for authority in world.authorities:
        name = authority_id(spki_der(authority.root.certificate)).hex()
        (folder / f"{name}.voucher").write_bytes(*world.vouchers(authority).values())
    (folder / "ocsp.der").write_bytes(*world.staples.values())


def await_port(port: int) -> None:
    deadline = Deadline(SECONDS)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=deadline.require()):
                return
        except ConnectionRefusedError:
            os.sched_yield()


def test_push_to_a_host_that_makes_no_connection(hosts: Hosts) -> None:
    hosts.force("serving", "receive")
    done = hosts.mecai("push", "fetching")
    assert (done.returncode, json.loads(done.stdout)["written"]) == (0, 3), done.stderr
    assert hosts.files("serving") == hosts.files("fetching")
    assert "AF_INET" not in (hosts.home / "calls").read_text()


def test_what_the_serving_host_refuses_is_said_where_it_came_from(hosts: Hosts) -> None:
    hosts.force("serving", "receive")
    name = next(name for name in hosts.files("fetching") if name.endswith("voucher"))
    (hosts.home / "fetching" / "state" / "staples" / name).write_bytes(b"damaged")
    done = hosts.mecai("push", "fetching")
    said = json.loads(done.stdout)
    assert (done.returncode, said["written"], said["refused"]) == (1, 2, 1)
    assert said["reasons"][0].startswith(f"{name}: malformed")


def test_the_forced_command_is_all_that_the_key_opens(hosts: Hosts) -> None:
    hosts.force("serving", "receive")
    done = hosts.mecai("pull", "fetching")  # asks for `send`
    assert done.returncode != 0
    assert hosts.files("serving") == {}


def test_pull(hosts: Hosts) -> None:
    hosts.force("fetching", "send")
    done = hosts.mecai("pull", "serving")
    assert (done.returncode, json.loads(done.stdout)["written"]) == (0, 3), done.stderr
    assert hosts.files("serving") == hosts.files("fetching")


def test_a_host_that_is_not_who_it_was_gets_nothing(hosts: Hosts) -> None:
    hosts.force("serving", "receive")
    stranger = (hosts.home / "deliverer.pub").read_text()
    (hosts.home / "known").write_text(f"[127.0.0.1]:{hosts.port} {stranger}")
    done = hosts.mecai("push", "fetching")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "mecai: root@127.0.0.1: nothing was delivered (ssh ended with 255)"
