"""A private network that knows nothing of this project: CA and responder by openssl, the server nginx's own stapling.

`mecai client` is run as a person runs it; what it says is read as a program reads it.
"""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography import x509

from tests.integration.nginx_module.server import Nginx, Staples
from tests.patience import SECONDS
from tests.pki import Issued, load_key
from tests.ports import free_port
from tests.serving import serving
from tests.unit.client.world import World

MECAI = Path(sys.executable).with_name("mecai")
TRIES = 40  # connections until nginx has fetched what it staples
CONFIG = """
[ca]
default_ca = corp
[corp]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
authorityKeyIdentifier = keyid
authorityInfoAccess = OCSP;URI:http://127.0.0.1:{port}/
"""
world = World()


@dataclass
class Corp:
    """The CA's folder, with `openssl ca` and `openssl ocsp` as its tools."""

    folder: Path
    up: bool = True
    minutes: int = 60  # that an answer is good for
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def openssl(self, *words: str) -> None:
        """Run one of its commands there."""
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def make(self, port: int) -> None:
        """Make the root, then a server's certificate for localhost."""
        (self.folder / "openssl.cnf").write_text(CONFIG.format(port=port))
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("4F00000000000001\n")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf")
        root = ("-x509", "-days", "30", "-subj", "/CN=Corp root", "-extensions", "root")
        self.openssl("req", *curve, *root, "-keyout", "ca.key", "-out", "ca.pem")
        self.openssl("req", *curve, "-new", "-subj", "/CN=localhost", "-keyout", "www.key", "-out", "www.csr")
        sign = ("-batch", "-notext", "-config", "openssl.cnf", "-extensions", "server")
        self.openssl("ca", *sign, "-in", "www.csr", "-out", "www.pem")

    def revoke(self) -> None:
        """Revoke the server's certificate."""
        self.openssl("ca", "-config", "openssl.cnf", "-revoke", "www.pem")

    @property
    def site(self) -> Issued:
        """What the server shows: the root stays at home."""
        root = Issued(self._certificate("ca.pem"), load_key((self.folder / "ca.key").read_bytes()))
        return Issued(self._certificate("www.pem"), load_key((self.folder / "www.key").read_bytes()), root)

    def _certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / name).read_bytes())

    def answer(self, request: bytes) -> bytes:
        """Answer OCSP, as `openssl ocsp` does."""
        question, answer = (self.folder / f"{threading.get_ident()}.{end}" for end in ("req", "resp"))
        question.write_bytes(request)
        signer = ("-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key")
        span = ("-nmin", str(self.minutes))
        self.openssl("ocsp", *signer, *span, "-reqin", str(question), "-respout", str(answer))
        return answer.read_bytes()


@contextmanager
def answering(corp: Corp) -> Iterator[int]:
    """Run the responder; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:  # nginx asks by this (RFC 6960, appendix A.1)
            self._answer(base64.b64decode(unquote(self.path.lstrip("/"))))

        def _answer(self, request: bytes) -> None:
            if not corp.up:
                self.close_connection = True
                return
            body = corp.answer(request)
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            corp.answered.release()

        def log_message(self, *_: object) -> None:  # type: ignore[override]  # says nothing
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield server.server_port


@pytest.fixture
def corp(tmp_path: Path) -> Iterator[Corp]:
    made = Corp(tmp_path)
    with answering(made) as port:
        made.make(port)
        yield made


@pytest.fixture
def server(tmp_path: Path, corp: Corp) -> Iterator[int]:
    """Run nginx as the role `tls_server` sets it up without vouchers; yields its port."""
    (home := tmp_path / "nginx").mkdir()
    nginx, port = Nginx(home, home, Staples(home), load=False), free_port()
    bundle = f"ssl_trusted_certificate {corp.folder}/ca.pem; ssl_stapling on;"
    nginx.start(nginx.server(port, corp.site, options=bundle))
    try:
        yield port
    finally:
        nginx.stop()


def config(corp: Corp, **changes: str) -> Path:
    """Write a client's settings, in which localhost is the private domain."""
    path = world.write_config(corp.folder)
    keys = {"domains": '["localhost"]', "roots": f'"{corp.folder}/ca.pem"', "networks": '["127.0.0.0/8"]'} | changes
    path.write_text(path.read_text() + "[[intranet]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    return path


def mecai(corp: Corp, port: int, *words: str, **changes: str) -> dict[str, Any]:
    """Run `mecai client check localhost`; returns its document, with its exit code."""
    command = [str(MECAI), "client", "check", f"localhost:{port}", "--config", str(config(corp, **changes))]
    done = subprocess.run(
        [*command, "--format", "json", *words], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.stderr == ""
    return json.loads(done.stdout) | {"code": done.returncode}


def test_good_fetched_then_stapled(corp: Corp, server: int) -> None:
    """Nginx has nothing to staple at first; what it then fetches suffices though the responder is gone."""
    first = mecai(corp, server)
    assert (first["code"], first["verdict"], first["policy"], first["checked"]) == (0, "accepted", "intranet", ["M4"])
    assert [proof["way"] for proof in first["proofs"]] == ["fetched"]
    assert (first["vouchers"], first["candidates"], first["reason"]) == ([], [], None)
    for _ in range(2):  # of the client, and of nginx
        assert corp.answered.acquire(timeout=SECONDS)
    corp.up = False
    documents = (mecai(corp, server) for _ in range(TRIES))
    stapled = next(each for each in documents if each["tls"]["staple"])
    assert (stapled["code"], [proof["way"] for proof in stapled["proofs"]]) == (0, ["stapled"])


def test_a_responder_that_is_down(corp: Corp, server: int) -> None:
    corp.up = False
    seen = mecai(corp, server)
    assert (seen["code"], seen["reason"], seen["rule"]) == (1, "status-unavailable", "M4")
    assert (seen["policy"], seen["checked"], seen["proofs"]) == ("intranet", [], [])


def test_a_revoked_certificate(corp: Corp, server: int) -> None:
    corp.revoke()
    seen = mecai(corp, server)
    assert (seen["code"], seen["reason"], seen["rule"]) == (1, "revoked", "M4")


def test_another_private_root_is_nobody(corp: Corp, server: int) -> None:
    other = corp.folder / "other.pem"
    root = ("-x509", "-days", "30", "-subj", "/CN=Other root", "-extensions", "root", "-config", "openssl.cnf")
    corp.openssl("req", "-newkey", "rsa:2048", "-nodes", *root, "-keyout", "other.key", "-out", str(other))
    seen = mecai(corp, server, roots=f'"{other}"')
    assert (seen["code"], seen["reason"], seen["rule"], seen["policy"]) == (1, "pin-mismatch", "M4", "intranet")


def test_the_pin_that_openssl_prints_is_the_pin(corp: Corp, server: int) -> None:
    """By the command that the settings' own documentation gives."""
    command = "openssl x509 -in ca.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=corp.folder, capture_output=True, text=True, check=True).stdout  # noqa: S602
    assert mecai(corp, server, pins=f'["{printed.split()[0]}"]')["verdict"] == "accepted"
    assert mecai(corp, server, pins=f'["{"0" * 64}"]')["reason"] == "pin-mismatch"


def test_outside_its_domain_the_private_root_is_nobody(corp: Corp, server: int) -> None:
    seen = mecai(corp, server, domains='["corp.test"]')
    assert (seen["code"], seen["reason"], seen["policy"]) == (1, "certificate-invalid", "vouchers")


def test_a_person_reads_it_too(corp: Corp, server: int) -> None:
    command = [str(MECAI), "client", "check", f"localhost:{server}", "--config", str(config(corp))]
    corp.up = False
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert refused.returncode == 1
    assert "reason     status-unavailable (rule M4)" in refused.stdout
    assert "Tell the private network's operator" in refused.stdout
    corp.up = True
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    assert "✓ M4  no voucher is asked for: the chain is the private CA's own" in said
    assert "fetched" in said


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"roots": '"/nowhere.pem"'}, "/nowhere.pem: certificate cannot be read"),
        ({"domains": '["*.corp.test"]'}, "intranet.domains: '*.corp.test' is no host name"),
        ({"domains": '["org"]'}, "intranet.domains: 'org' is a public suffix"),
        ({"pin": '["00"]'}, "intranet[0].pin: unknown key; did you mean 'pins'?"),
    ],
)
def test_bad_settings_end_in_one_line(corp: Corp, changes: dict[str, str], line: str) -> None:
    command = [str(MECAI), "client", "check", "localhost:1", "--config", str(config(corp, **changes))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert (done.returncode in {2, 3}, done.stdout) == (True, "")
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
