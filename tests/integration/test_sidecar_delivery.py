"""One host fetches, another one serves: `mecai sidecar push` and `pull` over a real SSH with a forced command."""

import getpass
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.vouching_double import SITE, World, make_world
from mecai.protocol.pki.identity import authority_id, certificate_hash, spki_der
from mecai.protocol.pki.names import dns_names
from mecai.service import durable
from tests.directories import PUBLISHER
from tests.integration.vouching import BIN
from tests.patience import SECONDS
from tests.pki import key
from tests.ports import free_port
from tests.unit.ansible.test_deliveries import rendered

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
ADDRESSES = ("198.18.9.1", "198.18.9.2")  # of the host that fetches, and of the one that serves, where they are apart
CONFIG = """
directory = "{folder}/directory.der"
publishers = "{folder}/publishers.pem"
state = "{folder}/state"
allowed_networks = ["127.0.0.0/8"]
[[certificate]]
chain = "{folder}/www.pem"
addresses = ["{address}"]
succession = "{folder}/www.succession"
"""
SERVER = """
ListenAddress {address}:{port}
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
    """The host that fetches, and the one that serves, each a folder; between them a real sshd.

    `fetching` and `serving` go before a command of a host that has a network of its own.
    """

    home: Path
    port: int
    address: str = "127.0.0.1"
    fetching: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()

    def config(self, host: str) -> Path:
        """Return the settings of a host."""
        return self.home / host / "sidecar.toml"

    def statement(self, host: str) -> Path:
        """Return where a host has the succession of its chain."""
        return self.home / host / "www.succession"

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
        words = [
            "sidecar",
            verb,
            f"{getpass.getuser()}@{self.address}",
            "--config",
            str(self.config(host)),
            "--ssh",
            ssh,
        ]
        command = [*self.fetching, str(BIN / "mecai"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(1, 2)


@pytest.fixture
def hosts(world: World, tmp_path: Path) -> Iterator[Hosts]:
    with _running(world, Hosts(tmp_path, free_port())) as running:
        yield running


@contextmanager
def _running(world: World, hosts: Hosts) -> Iterator[Hosts]:
    """Lay what each host has, and run the sshd of the one that serves, or of the one that fetches."""
    home, port, address = hosts.home, hosts.port, hosts.address
    for host in ("fetching", "serving"):
        folder = home / host
        (folder / "state").mkdir(parents=True)
        (folder / "publishers.pem").write_bytes(PUBLISHER.pem)
        (folder / "www.pem").write_bytes(world.sites[0].chain_pem)
        (folder / "sidecar.toml").write_text(CONFIG.format(folder=folder, address=SITE))
    (home / "fetching" / "directory.der").write_bytes(world.directory([1, 2]))
    lay(world, home / "fetching" / "state" / "staples")
    for name in ("host", "deliverer"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
    (home / "known").write_text(f"[{address}]:{port} {(home / 'host.pub').read_text()}")
    (home / "sshd").write_text(SERVER.format(folder=home, port=port, address=address))
    assert SSHD, "openssh-server is not installed: make test-deps"
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([*hosts.serving, SSHD, "-D", "-e", "-f", home / "sshd"], stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr
            assert b"listening on" in server.stderr.readline()
            yield hosts
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


def test_push_to_a_host_that_makes_no_connection(hosts: Hosts) -> None:
    hosts.force("serving", "receive")
    done = hosts.mecai("push", "fetching")
    assert (done.returncode, json.loads(done.stdout)["written"]) == (0, 3), done.stderr
    assert hosts.files("serving") == hosts.files("fetching")
    assert "AF_INET" not in (hosts.home / "calls").read_text()


@pytest.mark.parametrize(
    ("way", "told"), [("push", lambda laid: [str(laid)]), ("pull", lambda _: 1)], ids=["push", "pull"]
)
def test_what_was_renewed_where_it_is_served_comes_back(
    hosts: Hosts, world: World, way: str, told: Callable[[Path], object]
) -> None:
    """The chain without its key, and the succession that the former key signed there, whoever begins the connection."""
    begins, answers, verb = ("fetching", "serving", "receive") if way == "push" else ("serving", "fetching", "send")
    hosts.force(answers, verb)
    known, shown = (hosts.home / host / "www.pem" for host in ("fetching", "serving"))
    os.utime(known, (0, 0))
    former = world.sites[0]
    (name,) = dns_names(former.certificate)
    renewed = world.scene.alder.server(name, server_key=key("renewed"))
    shown.write_bytes(renewed.chain_pem + renewed.key_pem)
    for file, content in (("old.pem", former.chain_pem), ("old.key", former.key_pem)):
        durable.create(hosts.home / file, content, durable.SECRET)
    options = {
        "old": hosts.home / "old.pem",
        "key": hosts.home / "old.key",
        "new": shown,
        "out": hosts.statement("serving"),
    }
    words = [str(word) for name, path in options.items() for word in (f"--{name}", path)]
    subprocess.run([BIN / "mecai", "sidecar", "succession", *words], check=True)
    done = hosts.mecai(way, begins)
    said = json.loads(done.stdout)
    assert (done.returncode, said["refused"]) == (1, 3), done.stderr
    assert [said["chains"][each] for each in ("renewed", "successions")] == [
        told(known),
        told(hosts.statement("fetching")),
    ]
    assert known.read_bytes() == renewed.chain_pem
    assert hosts.statement("fetching").read_bytes() == hosts.statement("serving").read_bytes()


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


@pytest.fixture
def apart(world: World, tmp_path: Path) -> Iterator[Hosts]:
    """Give each host a network of its own, and the one that serves the rules of the role `voucher_deliveries`."""
    names = [f"mecai-{os.getpid()}-{host}" for host in ("fetching", "serving")]
    fetching, serving = (("ip", "netns", "exec", name) for name in names)
    lines = [f"netns add {name}" for name in names]
    lines += [f"link add eth0 netns {names[0]} type veth peer name eth0 netns {names[1]}"]
    for name, address in zip(names, ADDRESSES, strict=True):
        lines += [f"-n {name} address add {address}/24 dev eth0"]
        lines += [f"-n {name} link set {link} up" for link in ("lo", "eth0")]
    rules = tmp_path / "deliveries.nft"
    rules.write_text(rendered("deliveries.nft.j2"))
    try:
        for line in lines:
            subprocess.run(["ip", *line.split()], check=True)
        for _ in range(2):  # as at the first start, and again
            subprocess.run([*serving, "nft", "--file", rules], check=True)
        with _running(world, Hosts(tmp_path, 2222, ADDRESSES[1], fetching, serving)) as running:
            yield running
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def _refused(hosts: Hosts) -> int:
    """Return how many packets that begin a connection the serving host did not send."""
    command = [*hosts.serving, "nft", "--json", "list", "counter", "inet", "mecai_deliveries", "outgoing"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return int(next(each["counter"]["packets"] for each in said["nftables"] if "counter" in each))


def test_a_host_that_may_begin_no_connection_takes_deliveries(apart: Hosts) -> None:
    apart.force("serving", "receive")
    done = apart.mecai("push", "fetching")
    assert (done.returncode, json.loads(done.stdout)["written"]) == (0, 3), done.stderr
    assert apart.files("serving") == apart.files("fetching")
    assert _refused(apart) == 0


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_what_such_a_host_begins_is_refused_at_once_and_counted(apart: Hosts, kind: str) -> None:
    begin = f"""
import socket
one = socket.socket(type=socket.{kind})
one.settimeout(30)
one.connect(({ADDRESSES[0]!r}, 9))
one.send(b"x")
"""
    done = subprocess.run([*apart.serving, "python3", "-c", begin], capture_output=True, text=True, check=False)
    assert "refused" in done.stderr or "not permitted" in done.stderr
    assert _refused(apart) == 1
