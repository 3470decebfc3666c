"""The nginx site in front of a VAS: its own refusals are problem documents of docs/spec R7."""

import http.client
import http.server
import json
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from jinja2 import Environment

from mecai.protocol.limits import LIMITS
from mecai.service.web import PROBLEM_TYPE
from mecai.vas.http.problems import problem
from mecai.vas.refusal import Code, Refusal
from tests.pki import Hierarchy, crl
from tests.serving import serving

ROLE = Path(__file__).resolve().parents[2] / "ansible" / "roles" / "voucher_authority"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
NAME = "vas.birch.test"


class Connection(http.client.HTTPConnection):
    """HTTPS over a Unix socket; who is behind it is not the question."""

    def __init__(self, path: Path) -> None:
        super().__init__(NAME)
        self._path = path

    def connect(self) -> None:
        """Connect, and shake hands."""
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(str(self._path))
        self.sock = ssl._create_unverified_context().wrap_socket(plain)  # noqa: S323 - see above


def render(home: Path, others: Sequence[str] = ()) -> str:
    """Render the role's template for a scratch folder, where no VAS answers, nor one of `others` (addresses)."""
    environment = Environment(autoescape=False)  # noqa: S701 - nginx reads it, no browser
    environment.filters["comment"] = "# {}".format
    template = environment.from_string((ROLE / "templates" / "site.conf.j2").read_text(encoding="utf-8"))
    site = template.render(
        ansible_managed="managed",
        voucher_authority_host_name=NAME,
        __voucher_authority_tls_certificate=home / "site.pem",
        __voucher_authority_tls_key=home / "site.pem",
        __voucher_authority_others=others,
        __voucher_authority_nodes_port=1,
        __voucher_authority_agents_roots=home / "site.pem",
        __voucher_authority_agents_crl=home / "crl.pem",
        __voucher_authority_nginx_certificate={"path": home / "site.pem", "key": home / "site.pem"},
        __voucher_authority_door_certificate={"path": home / "site.pem", "key": home / "site.pem"},
    )
    site = site.replace("listen 1 ssl;", f"listen unix:{home}/nodes.sock ssl;").replace("listen [::]:1 ssl;", "")
    site = site.replace("listen 443 ssl;", f"listen unix:{home}/https.sock ssl;").replace("listen [::]:443 ssl;", "")
    return site.replace("/run/mecai-vas/", f"{home}/")


@contextmanager
def running(home: Path, others: Sequence[str] = (), more: str = "") -> Iterator[Path]:
    """Run nginx with the site alone; it has its sockets when the command returns."""
    hierarchy = Hierarchy("birch")
    birch = hierarchy.server(NAME)
    (home / "site.pem").write_bytes(birch.chain_pem + birch.key_pem)
    (home / "crl.pem").write_bytes(crl(hierarchy.issuing))
    (home / "site.conf").write_text(render(home, others), encoding="utf-8")
    (home / "nginx.conf").write_text(
        f"user root; pid {home}/pid; error_log {home}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy; {more} include site.conf; }}"
    )
    command = [str(NGINX), "-p", str(home), "-c", "nginx.conf", "-e", f"{home}/error.log"]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    subprocess.run(command, check=True)
    try:
        yield home / "https.sock"
    finally:
        subprocess.run([*command, "-s", "stop"], check=True)


@pytest.mark.parametrize(
    ("size", "refusal"),
    [
        (10, Refusal(Code.OVERLOADED, "the server does not answer")),
        (LIMITS.request_size + 1, Refusal(Code.OVERLOADED, "the server does not answer")),
        (LIMITS.request_size + 8192, Refusal(Code.TOO_LARGE, f"more than {LIMITS.request_size} octets")),
    ],
)
def test_nginx_refuses_in_the_words_of_the_protocol(tmp_path: Path, size: int, refusal: Refusal) -> None:
    with running(tmp_path) as path:
        connection = Connection(path)
        connection.request("POST", "/v1/vouchers", body=bytes(size))
        response = connection.getresponse()
        document = json.loads(response.read())
        connection.close()
    assert (response.status, response.headers["Content-Type"]) == (document["status"], PROBLEM_TYPE)
    assert document == problem(refusal).members() | {"requestId": response.headers["X-Request-Id"]}
    assert re.fullmatch("[0-9a-f]{32}", document["requestId"])
    assert response.headers["Retry-After"] == ("5" if refusal.code is Code.OVERLOADED else None)


@pytest.mark.parametrize(
    ("status", "said"), [(409, 409), (502, 502), (503, 503)], ids=["refused", "target silent", "cannot vouch"]
)
def test_a_node_whose_server_answers_asks_others_only_where_it_cannot_vouch(
    tmp_path: Path, status: int, said: int
) -> None:
    """A target that cannot be reached (502) is an answer: else each stranger has every node probe for one request."""
    with answering(tmp_path / "http.sock", status), running(tmp_path, ["127.0.0.1"]) as path:
        connection = Connection(path)
        connection.request("POST", "/v1/vouchers", body=b"request")
        response = connection.getresponse()
        own = response.read() == b"own"
        connection.close()
    assert (response.status, own) == (said, status != 503)
    assert ("127.0.0.1:1/v1/vouchers" in (tmp_path / "error.log").read_text()) is (status == 503)


def test_who_asks_too_much_of_one_node_asks_no_other(tmp_path: Path) -> None:
    bound = (
        "limit_req_zone $request_method zone=all:64k rate=1r/m; limit_req zone=all;"  # nginx's own 503, as limit_conn's
    )
    with answering(tmp_path / "http.sock", 409), running(tmp_path, ["127.0.0.1"], bound) as path:
        answers = []
        for _ in range(2):
            connection = Connection(path)
            connection.request("POST", "/v1/vouchers", body=b"request")
            response = connection.getresponse()
            answers.append((response.status, response.headers["Content-Type"] == PROBLEM_TYPE))
            connection.close()
    assert answers == [(409, False), (503, True)]
    assert "127.0.0.1:1/" not in (tmp_path / "error.log").read_text()


@contextmanager
def answering(path: Path, status: int) -> Iterator[None]:
    """Answer everything by a status, behind the socket of the VAS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"own")

        def address_string(self) -> str:
            return "nginx"

        def log_message(self, *_: object) -> None:
            pass

    with serving(socketserver.ThreadingUnixStreamServer(str(path), Handler)):
        yield
