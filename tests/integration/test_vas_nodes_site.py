"""The role's nginx sites of two nodes: each asks its own server, and the other node where that does not answer."""

import http.client
import socketserver
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from jinja2 import Environment

from tests.integration.test_vas_site import NAME, NGINX, ROLE, Connection
from tests.patience import SECONDS
from tests.pki import DAY, Hierarchy, Issued, crl, issue, key, leaf_extensions
from tests.ports import free_port
from tests.serving import serving

VOUCHERS, READY = "/v1/vouchers", "/readyz"
BODY = bytes(range(256)) * 100
NOW = datetime.now(UTC).replace(microsecond=0)
BIRCH, PRIVATE, STRANGERS = (Hierarchy(name, NOW) for name in ("birch", "private", "strangers"))
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")


@dataclass(frozen=True)
class Asked:
    """What a node's server was asked."""

    path: str
    body: bytes
    client: str | None
    request: str | None


@dataclass
class Node:
    """One host: its folder, the port where other nodes ask, theirs; what its server answers, and was asked.

    And what it shows other nodes, and which of theirs it knows to be revoked.
    """

    home: Path
    door: int
    other: int
    status: int = 200
    shows: Issued = field(default_factory=lambda: PRIVATE.server(NAME))
    revoked: tuple[Issued, ...] = ()
    asked: list[Asked] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer behind the socket that nginx knows."""
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told = (self.headers["X-Forwarded-For"], self.headers["X-Request-Id"])
                node.asked.append(Asked(self.path, body, *told))
                self.send_response(node.status)
                self.end_headers()
                self.wfile.write(node.home.name.encode())

            do_GET = do_POST  # noqa: N815 - the library's name

            def address_string(self) -> str:
                return "nginx"

            def log_message(self, *_: object) -> None:
                pass

        path = self.home / "http.sock"
        path.unlink(missing_ok=True)
        with serving(socketserver.ThreadingUnixStreamServer(str(path), Handler)):
            yield

    def ask(self, path: str = VOUCHERS, body: bytes | None = BODY) -> tuple[int, bytes]:
        """Ask as a site does."""
        with closing(Connection(self.home / "https.sock")) as connection:
            connection.request("POST" if body else "GET", path, body=body, headers={"X-Forwarded-For": "192.0.2.7"})
            response = connection.getresponse()
            return response.status, response.read()


def render(node: Node) -> str:
    """Render the role's template for a node's folder."""
    environment = Environment(autoescape=False, trim_blocks=True)  # noqa: S701 - nginx reads it, no browser
    environment.filters["comment"] = "# {}".format
    template = environment.from_string((ROLE / "templates" / "site.conf.j2").read_text(encoding="utf-8"))
    home = node.home
    site = template.render(
        ansible_managed="managed",
        __voucher_authority_host_name=NAME,
        __voucher_authority_tls_certificate=home / "site.pem",
        __voucher_authority_tls_key=home / "site.pem",
        __voucher_authority_others=["127.0.0.1"],
        __voucher_authority_nodes_port="PORT",
        __voucher_authority_agents_roots=home / "private.pem",
        __voucher_authority_agents_crl=home / "crl.pem",
        __voucher_authority_nginx_certificate={"path": home / "node.pem", "key": home / "node.pem"},
        __voucher_authority_door_certificate={"path": home / "door.pem", "key": home / "door.pem"},
    )
    site = site.replace("listen 443 ssl;", f"listen unix:{home}/https.sock ssl;").replace("listen [::]:443 ssl;", "")
    site = site.replace("127.0.0.1:PORT", f"127.0.0.1:{node.other}").replace("listen [::]:PORT ssl;", "")
    return site.replace("listen PORT", f"listen 127.0.0.1:{node.door}").replace("/run/mecai-vas/", f"{home}/")


def client(name: str, by: Hierarchy = PRIVATE) -> Issued:
    """Have a CA certify a client."""
    return issue(
        name, key(name), by.root, leaf_extensions(ExtendedKeyUsageOID.CLIENT_AUTH, [name]), span=(NOW - DAY, NOW + DAY)
    )


GONE = client("gone.birch.test")  # a node that was there


def write(node: Node) -> None:
    """Write what nginx reads on a node."""
    home, server = node.home, BIRCH.server(NAME)
    own = client(f"{home.name}.birch.test")
    span = (NOW - DAY, NOW + DAY)
    lists = (crl(PRIVATE.root, GONE, span=span), crl(PRIVATE.issuing, *node.revoked, span=span))
    for name, octets in {
        "site.pem": server.chain_pem + server.key_pem,
        "node.pem": own.pem + own.key_pem,
        "door.pem": node.shows.chain_pem + node.shows.key_pem,
        "private.pem": PRIVATE.root.pem,
        "crl.pem": b"".join(lists),
        "site.conf": render(node).encode(),
    }.items():
        (home / name).write_bytes(octets)
    (home / "nginx.conf").write_text(
        f"user root; pid {home}/pid; error_log {home}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy; include site.conf; }}"
    )


@contextmanager
def nginx(node: Node) -> Iterator[None]:
    """Run a node's nginx."""
    write(node)
    command = [str(NGINX), "-p", str(node.home), "-c", "nginx.conf", "-e", f"{node.home}/error.log"]
    subprocess.run(command, check=True)  # it listens when this returns
    try:
        yield
    finally:
        subprocess.run([*command, "-s", "stop"], check=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    doors = free_port(), free_port()
    nodes = tuple(
        Node(tmp_path_factory.mktemp(name, numbered=False), doors[place], doors[1 - place])
        for place, name in enumerate(("first", "second"))
    )
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(nginx(node))
        yield nodes[0], nodes[1]


@pytest.fixture
def nodes(running: tuple[Node, Node]) -> tuple[Node, Node]:
    for node in running:
        node.status = 200
        node.asked.clear()
    return running


@pytest.mark.parametrize("status", [200, 409, 413, 429, 500, 502])
def test_a_node_whose_server_answers_asks_nobody_else(nodes: tuple[Node, Node], status: int) -> None:
    """What the server says is said, a target that it does not reach (502) too; all but that it cannot vouch now."""
    first, second = nodes
    first.status = status
    with first.serving(), second.serving():
        assert first.ask() == (status, b"first")
    assert (len(first.asked), len(second.asked)) == (1, 0)


@pytest.mark.parametrize("status", [0, 503])
def test_what_a_node_cannot_do_the_other_is_asked_with_all_that_was_said(nodes: tuple[Node, Node], status: int) -> None:
    first, second = nodes
    with ExitStack() as stack:
        stack.enter_context(second.serving())
        if status:
            first.status = status
            stack.enter_context(first.serving())
        assert first.ask() == (200, b"second")
    [asked] = second.asked
    assert (asked.path, asked.body) == (VOUCHERS, BODY)
    assert asked.client == "unix:"  # as nginx calls who came by a socket; never what he said of himself
    assert [known.request for known in first.asked] == ([asked.request] if status else [])
    assert len(asked.request or "") == 32


def test_what_none_can_do_ends_and_is_said_by_the_last(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    first.status = second.status = 503
    with first.serving(), second.serving():
        assert first.ask() == (503, b"second")
    assert (len(first.asked), len(second.asked)) == (1, 1)
    status, said = first.ask()
    assert (status, b"problem/overloaded" in said) == (503, True)


def test_readiness_is_said_of_the_node_that_is_asked(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    with second.serving():
        assert first.ask(READY, None)[0] == 503
        assert second.ask(READY, None) == (200, b"second")
        first.status = 503
        with first.serving():
            assert first.ask(READY, None) == (503, b"first")


@pytest.mark.parametrize(
    ("shown", "let_in"),
    [
        (None, False),
        (client("second.birch.test"), True),
        (client("second.birch.test", STRANGERS), False),
        (PRIVATE.server("second.birch.test"), False),
        (GONE, False),
    ],
    ids=["nobody", "a node", "a stranger's", "an agent", "one that was revoked"],
)
def test_only_a_node_is_believed_who_asks(
    nodes: tuple[Node, Node], tmp_path: Path, shown: Issued | None, let_in: bool
) -> None:
    first, _ = nodes
    context = ssl.create_default_context(cadata=PRIVATE.root.pem.decode())
    if shown is not None:
        (tmp_path / "shown.pem").write_bytes(shown.chain_pem + shown.key_pem)
        context.load_cert_chain(tmp_path / "shown.pem")
    with first.serving():
        assert _come_in(first, context) is let_in
    assert [asked.client for asked in first.asked] == ["198.51.100.7"] * let_in


def test_a_nodes_certificate_is_believed_from_a_nodes_address_alone(nodes: tuple[Node, Node]) -> None:
    """The private CA may certify clients of others as well, whose word on who asks is not wanted here."""
    first, second = nodes
    context = ssl.create_default_context(cadata=PRIVATE.root.pem.decode())
    context.load_cert_chain(second.home / "node.pem")
    with first.serving():
        assert _come_in(first, context)
        assert not _come_in(first, context, "127.0.0.2")
    assert len(first.asked) == 1


def _come_in(node: Node, context: ssl.SSLContext, address: str = "127.0.0.1") -> bool:
    plain = http.client.HTTPConnection("127.0.0.1", node.door, timeout=SECONDS, source_address=(address, 0))
    plain.connect()
    with closing(plain):
        try:
            plain.sock = context.wrap_socket(plain.sock, server_hostname=NAME)
            plain.request("POST", VOUCHERS, BODY, {"X-Forwarded-For": "198.51.100.7", "Host": NAME})
            return plain.getresponse().status == 200
        except (ssl.SSLError, ConnectionError):
            return False


ROBBED = PRIVATE.server(NAME)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (ROBBED, "certificate verify error: (23:certificate revoked)"),
        (PRIVATE.server("agent.birch.test"), f'certificate does not match "{NAME}"'),
        (BIRCH.server(NAME), "certificate verify error: "),
    ],
    ids=["one that was revoked", "an agent", "the public CA's"],
)
def test_only_a_node_is_asked(tmp_path: Path, shown: Issued, said: str) -> None:
    """Who stands at another node's address with another key, or a stolen one, learns of no request."""
    for name in ("asking", "false"):
        (tmp_path / name).mkdir()
    false = Node(tmp_path / "false", free_port(), free_port(), shows=shown)
    asking = Node(tmp_path / "asking", free_port(), false.door, revoked=(ROBBED,))
    with false.serving(), nginx(false), nginx(asking):
        status, answer = asking.ask()
    assert (status, b"problem/overloaded" in answer, false.asked) == (503, True, [])
    assert said in (asking.home / "error.log").read_text()


def test_where_all_else_is_gone_it_is_said_in_the_words_of_the_protocol(tmp_path: Path) -> None:
    (home := tmp_path / "alone").mkdir()
    alone = Node(home, free_port(), free_port())
    with nginx(alone):
        status, said = alone.ask()
    assert (status, b"problem/overloaded" in said) == (503, True)
