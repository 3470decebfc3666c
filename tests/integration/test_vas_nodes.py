"""Two nodes of a VAS behind one name: one PostgreSQL, nginx in front, a node that leaves or starts anew under load."""

import http.client
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import Engine, Table, func, select

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.vas.config import MailSettings, read_config
from mecai.vas.http.app import REQUEST_TYPE
from mecai.vas.notify.relay import Relay
from mecai.vas.storage.certificates import FIRST_SIGHT, SETTLED_AFTER, CertificateLog
from mecai.vas.storage.database import open_database
from mecai.vas.storage.outbox import Outbox
from mecai.vas.storage.tables import CERTIFICATES, OUTBOX, VOUCHERS
from mecai.vas.worker import make_notifier
from tests.integration.postgresql import postgresql
from tests.integration.vouching import PORT, SERVER, World, chain_of, end, running, start_node
from tests.patience import SECONDS
from tests.pki import DAY, Hierarchy, issue, key, leaf_extensions
from tests.unit.vas import test_relay as mail_relay

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
SITES = 2  # certificates that the target shows, by name
SERVERS = 6  # that ask without a pause
NOBODY = socket.inet_aton("127.77.255.254")  # no server listens there, so that each request is probed
BIRCH = Hierarchy("birch", datetime.now(UTC).replace(microsecond=0))
CONFIG = """
pid {home}/nginx.pid; error_log {home}/nginx.log; user root; events {{}}
http {{
  access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
  upstream vas {{ {nodes} }}
  server {{
    listen unix:{home}/vas.sock;
    location / {{
      proxy_pass http://vas;
      proxy_next_upstream error timeout non_idempotent;
    }}
  }}
  {sites}
}}
"""
SITE = """
  server {{ listen {address}:{port} ssl; server_name {name}; ssl_certificate {chain}; ssl_certificate_key {key}; }}
"""


class ByName(http.client.HTTPConnection):
    """HTTP with nginx, in front of the nodes."""

    def __init__(self, path: Path) -> None:
        super().__init__("vas.birch.test", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


@dataclass
class Node:
    """One node: its door, which a service manager would hold open, and its server."""

    door: socket.socket
    server: subprocess.Popen[bytes]

    def connection(self) -> http.client.HTTPConnection:
        """Speak with this node alone."""
        return http.client.HTTPConnection("127.0.0.1", self.door.getsockname()[1], timeout=SECONDS)


@dataclass
class Nodes:
    """Both nodes, and the name that they are behind."""

    world: World
    stack: ExitStack
    engine: Engine
    every: list[Node] = field(default_factory=list)

    def requests(self) -> list[VoucherRequest]:
        """Return a request for each site, at its address and one where nobody listens."""
        chains = [chain_of(certificate(self.world, place)) for place in range(SITES)]
        return [VoucherRequest(chain[0], chain[1:], (socket.inet_aton(SERVER), NOBODY), PORT) for chain in chains]

    def by_name(self) -> http.client.HTTPConnection:
        """Speak with whichever node nginx chooses."""
        return ByName(self.world.home / "vas.sock")

    def start_anew(self, node: Node, release: Path | None = None) -> None:
        """End a node's server, and start another one behind the same door, as a service manager does."""
        end(node.server)
        node.server = start_node(self.stack, self.world, node.door, release)

    def end_holds(self) -> None:
        """Let the nodes have seen all certificates, and no hold be left."""
        log = CertificateLog(self.engine)
        for request in self.requests():
            ask(self.every[0].connection(), request)
            log.release(request.hashes[0], datetime.now(UTC), "expedite")

    def count(self, table: Table) -> int:
        """Count rows."""
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()


def certificate(world: World, place: int) -> Path:
    return world.alder.home / f"site-{place}.pem"


def ask(connection: http.client.HTTPConnection, request: VoucherRequest) -> tuple[int, bytes]:
    try:
        connection.request("POST", "/v1/vouchers", request.encode(), {"Content-Type": REQUEST_TYPE})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def serve_by_nginx(doors: Sequence[socket.socket]) -> Callable[[ExitStack, World], None]:
    """Return what starts nginx: the sites, which show a certificate each, and the name of the VAS."""

    def serve(stack: ExitStack, world: World) -> None:
        sites = [f"site-{place}" for place in range(SITES)]
        world.alder.certify_each({each: ("server", (f"{each}.example.test",)) for each in sites})
        servers = "".join(
            SITE.format(
                address=SERVER, port=PORT, name=f"site-{place}.example.test",
                chain=certificate(world, place), key=certificate(world, place).with_suffix(".key.pem"),
            )
            for place in range(SITES)
        )  # fmt: skip
        nodes = " ".join(f"server 127.0.0.1:{door.getsockname()[1]} max_fails=0;" for door in doors)
        config = world.home / "nginx.conf"
        config.write_text(CONFIG.format(home=world.home, nodes=nodes, sites=servers))
        command = [NGINX, "-c", config, "-e", world.home / "nginx.log"]
        subprocess.run(command, check=True)  # it listens when this returns
        stack.callback(subprocess.run, [*command, "-s", "stop"], check=True)

    return serve


@contextmanager
def two_nodes(home: Path, reuse: int) -> Iterator[Nodes]:
    """Run them; vouchers answer again for `reuse` minutes."""
    many = {"requests": 10**6, "vouchers": 10**6, "parallel": 100, "hold": 72 * 3600, "reuse": reuse}
    with ExitStack() as stack:
        url = stack.enter_context(postgresql("fsync=off"))
        doors = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        world = stack.enter_context(running(home, serve_by_nginx(doors), tls=False, database=url, **many))
        engine = open_database(url)
        stack.callback(engine.dispose)
        found = Nodes(world, stack, engine)
        for door in doors:
            found.every.append(Node(door, start_node(stack, world, door)))
        yield found


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with two_nodes(tmp_path_factory.mktemp("world"), reuse=10) as found:
        yield found


def tell_owners(nodes: Nodes, send: Relay) -> None:
    """Let the workers of both nodes do at once what is due when the requests are over."""
    home = nodes.world.home
    span, for_mail = (datetime.now(UTC) - DAY, datetime.now(UTC) + DAY), ExtendedKeyUsageOID.EMAIL_PROTECTION
    notary = issue("notary", key("notary"), BIRCH.root, leaf_extensions(for_mail), span=span)
    mail = MailSettings("notary@birch.test", home / "mail.key.pem", home / "mail.pem", "relay.test")
    mail.key.touch(0o600)
    mail.key.write_bytes(notary.key_pem)
    mail.certificate.write_bytes(notary.pem)
    config = replace(read_config(nodes.world.birch.home / "vas.toml"), mail=mail)

    def work(_: Node) -> None:
        source = (lambda _domain, _deadline: ("owner@example.test",),)
        make_notifier(config, nodes.engine, lambda: datetime.now(UTC) + SETTLED_AFTER, source, send.send).run()

    with ThreadPoolExecutor(len(nodes.every)) as pool:
        list(pool.map(work, nodes.every))


def test_nodes_that_see_a_certificate_at_the_same_moment_begin_one_hold_and_send_one_mail(nodes: Nodes) -> None:
    start = threading.Barrier(len(nodes.every) * SITES, timeout=SECONDS)

    def at_once(asked: tuple[Node, VoucherRequest]) -> tuple[int, str]:
        node, request = asked
        start.wait()
        status, body = ask(node.connection(), request)
        return status, json.loads(body)["holdEnd"]

    every = [(node, request) for request in nodes.requests() for node in nodes.every]
    with ThreadPoolExecutor(len(every)) as pool:
        answers = list(pool.map(at_once, every))
    assert {status for status, _ in answers} == {202}
    assert answers[::2] == answers[1::2]
    assert (nodes.count(CERTIFICATES), nodes.count(OUTBOX)) == (SITES, SITES)
    assert set(Outbox(nodes.engine).waiting()) == {FIRST_SIGHT}
    with mail_relay.running() as (send, seen):
        tell_owners(nodes, send)
    subjects = sorted(
        line for mail in seen.messages for line in mail.split(b"\r\n\r\n")[0].splitlines() if b"Subject:" in line
    )
    assert len(subjects) == len(set(subjects)) == SITES


@pytest.fixture
def released(nodes: Nodes) -> Nodes:
    nodes.end_holds()
    return nodes


def test_nodes_share_young_vouchers(released: Nodes) -> None:
    nodes = released
    answers = [ask(node.connection(), request) for request in nodes.requests() for node in nodes.every * 2]
    assert {status for status, _ in answers} == {200}
    assert len({parse_voucher(body).info.serial_number for _, body in answers}) == nodes.count(VOUCHERS) == SITES


@dataclass
class Load:
    """Servers that ask without a pause, by the name, until all is seen."""

    nodes: Nodes
    statuses: list[int] = field(default_factory=list)
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, place: int) -> None:
        """Ask for one site until it is over."""
        request = self.nodes.requests()[place % SITES]
        while not self.over.is_set():
            try:
                self.statuses.append(ask(self.nodes.by_name(), request)[0])
            except (OSError, http.client.HTTPException):
                self.statuses.append(0)
            self.answered.release()

    def wait(self, count: int) -> None:
        """Wait for so many answers."""
        for _ in range(count):
            assert self.answered.acquire(timeout=SECONDS)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask meanwhile."""
        with ThreadPoolExecutor(SERVERS) as pool:
            asking = [pool.submit(self.ask, place) for place in range(SERVERS)]
            try:
                self.wait(2 * SERVERS)
                yield
                self.wait(2 * SERVERS)
            finally:
                self.over.set()
            for each in asking:
                each.result(SECONDS)


def test_a_rolling_restart_fails_no_request(released: Nodes) -> None:
    nodes, load = released, Load(released)
    with load.running():
        for node in nodes.every:
            nodes.start_anew(node)
            load.wait(2 * SERVERS)
    assert set(load.statuses) == {200}
    assert nodes.count(VOUCHERS) == SITES


def test_a_node_that_is_drained_loses_no_request(released: Nodes) -> None:
    """Its service manager closes the door, and sends SIGTERM: what it had begun it ends, the rest goes to the other."""
    nodes = released
    gone, load = nodes.every.pop(), Load(nodes)
    with load.running():
        gone.door.close()
        gone.server.terminate()
        load.wait(2 * SERVERS)
        assert gone.server.wait(SECONDS) == 0
        load.wait(2 * SERVERS)
    assert set(load.statuses) == {200}
    assert nodes.count(VOUCHERS) == SITES
