"""A real OCSP responder (gunicorn) for a real authority (the command line), asked by OpenSSL's own client."""

import base64
import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from mecai.evidence import AddressPolicy, Collector, Fetcher
from mecai.net.race import Tcp
from mecai.protocol.objects.status_evidence import EvidenceMethod
from mecai.protocol.pki.crl import distribution_points
from mecai.protocol.pki.identity import address_octets
from mecai.service.pem import load_certificates
from tests.patience import SECONDS

BIN = Path(sys.executable).parent
PUBLIC = address_octets("8.8.8.8")
CONFIG = """
name = "alder"
owner_group = "alder"
region = "north"
ocsp_url = "http://ocsp.alder.test"
vas_url = "https://vas.alder.test"
crl_url = "http://ocsp.alder.test/crl"
state = "{home}/state"
public = "{home}/public"
"""


def run(*command: str | Path, good: bool = True) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode == 0) == good, done.stderr
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Place:
    """An authority's files, and the port of its responder."""

    home: Path
    port: int

    def mecai(self, *words: str | Path) -> str:
        """Run a verb of `mecai ca` for this authority."""
        return run(BIN / "mecai", "ca", words[0], "--config", self.home / "ca.toml", *words[1:])

    def certify(self, profile: str, *names: str) -> Path:
        """Make a key and have it certified; returns the certificate's path."""
        key, csr, out = (self.home / f"{profile}.{suffix}" for suffix in ("key.pem", "csr", "pem"))
        dns = [word for name in names for word in ("--dns", name)]
        run(BIN / "mecai", "key", "create", "--key", key, "--csr", csr, "--name", profile, *dns)
        self.mecai("issue", "--profile", profile, "--csr", csr, "--out", out)
        return out

    @property
    def anchors(self) -> tuple[str | Path, ...]:
        """What `openssl verify` is to trust, and what it may use besides."""
        return ("-CAfile", self.home / "public" / "root.pem", "-untrusted", self.home / "public" / "issuing.pem")

    def openssl(self, *words: str | Path) -> str:
        """Run `openssl ocsp` with what it needs to verify an answer."""
        roots, issuing = self.home / "public" / "root.pem", self.home / "public" / "issuing.pem"
        return run("openssl", "ocsp", "-CAfile", roots, "-verify_other", issuing, *words)

    def ask(self, certificate: Path, *options: str, issuer: str = "issuing") -> str:
        """Ask the responder with OpenSSL's client (it knows POST only)."""
        named = ("-issuer", self.home / "public" / f"{issuer}.pem", "-cert", certificate)
        return self.openssl(*options, *named, "-url", f"http://127.0.0.1:{self.port}/")

    def get(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask by GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("authority")
    (home / "ca.toml").write_text(CONFIG.format(home=home))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = Place(home, listener.getsockname()[1])
        place.mecai("init")
        lines = [f'public = "{home}/public"']
        for profile in ("ocsp-root", "ocsp-issuing"):
            certificate = place.certify(profile)
            lines += ["[[delegate]]", f'key = "{home}/{profile}.key.pem"', f'certificate = "{certificate}"']
        (home / "ocsp.toml").write_text("\n".join(lines))
        place.certify("server", "www.example.test")
        place.certify("va", "vas.alder.test")
        command = [str(BIN / "gunicorn"), "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
        with (home / "gunicorn.log").open("wb") as log:
            responder = subprocess.Popen(
                [*command, "--bind", f"fd://{listener.fileno()}", "mecai.ca.ocsp.app:create_app()"],
                pass_fds=[listener.fileno()], env={"MECAI_OCSP_CONFIG": str(home / "ocsp.toml")},
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield place
        finally:
            responder.terminate()
            responder.wait(SECONDS)


def test_it_is_alive_and_ready(place: Place) -> None:
    for path in ("/healthz", "/readyz"):
        response, body = place.get(path)
        assert response.status == 200, body


@pytest.mark.parametrize(
    ("name", "issuer"), [("server", "issuing"), ("va", "root"), ("public/issuing", "root"), ("ocsp-issuing", "issuing")]
)
@pytest.mark.parametrize("options", [("-nonce",), ("-no_nonce",), ("-sha256",)])
def test_openssl_accepts_its_answers(place: Place, name: str, issuer: str, options: tuple[str, ...]) -> None:
    certificate = place.home / f"{name}.pem"
    said = place.ask(certificate, *options, issuer=issuer)
    assert "Response verify OK" in said
    assert f"{certificate}: good" in said
    assert "WARNING" not in said


@pytest.mark.parametrize(
    ("name", "purpose"),
    [("server", "sslserver"), ("va", "any"), ("ocsp-root", "ocsphelper"), ("ocsp-issuing", "ocsphelper")],
)
def test_openssl_accepts_its_certificates(place: Place, name: str, purpose: str) -> None:
    assert run("openssl", "verify", "-x509_strict", "-purpose", purpose, *place.anchors, place.home / f"{name}.pem")


def test_openssl_accepts_an_answer_got_by_get(place: Place, tmp_path: Path) -> None:
    named = ("-issuer", place.home / "public" / "issuing.pem", "-cert", place.home / "server.pem")
    run("openssl", "ocsp", *named, "-no_nonce", "-reqout", tmp_path / "request")
    response, body = place.get("/" + base64.b64encode((tmp_path / "request").read_bytes()).decode())
    assert response.getheader("Content-Type") == "application/ocsp-response"
    assert str(response.getheader("Cache-Control")).startswith("max-age=")
    assert response.getheader("ETag")
    (tmp_path / "response").write_bytes(body)
    said = place.openssl("-respin", tmp_path / "response", *named)
    assert "Response verify OK" in said
    assert "server.pem: good" in said


def test_every_spelling_of_a_request_reaches_the_application(place: Place, tmp_path: Path) -> None:
    """OpenSSL makes the request, curl sends it as it stands, OpenSSL judges the answer."""
    named = ("-issuer", place.home / "public" / "issuing.pem", "-cert", place.home / "server.pem")
    run("openssl", "ocsp", *named, "-nonce", "-reqout", tmp_path / "request")
    text = base64.b64encode((tmp_path / "request").read_bytes()).decode()
    url = text.replace("+", "-").replace("/", "_")
    for path in (text, quote(text, safe=""), url, url.rstrip("="), text.rstrip("="), text.replace("+", "%20")):
        options = ("--silent", "--fail", "--path-as-is", "--output", tmp_path / "response")
        run("curl", *options, f"http://127.0.0.1:{place.port}/{path}")
        assert "server.pem: good" in place.openssl("-no_nonce", "-respin", tmp_path / "response", *named)


def test_crls_are_where_certificates_say(place: Place, tmp_path: Path) -> None:
    """The path is read from the certificate; what lies there is the issuer's CRL to OpenSSL."""
    (leaf, *_) = load_certificates(place.home / "server.pem")
    (url,) = distribution_points(leaf)
    assert url.startswith("http://ocsp.alder.test/")
    response, body = place.get(urlsplit(url).path)
    assert (response.status, response.getheader("Content-Type")) == (200, "application/pkix-crl")
    (tmp_path / "crl").write_bytes(body)
    issuing = place.home / "public" / "issuing.pem"
    assert "verify OK" in run("openssl", "crl", "-inform", "DER", "-in", tmp_path / "crl", "-CAfile", issuing, "-noout")
    assert place.get("/crl/other.crl")[0].status == 404


def test_two_slashes_in_a_row_reach_the_application(place: Place) -> None:
    response, body = place.get("/MEUw//+/AAA=")
    assert (response.status, response.getheader("Content-Type")) == (200, "application/ocsp-response")
    assert body == bytes.fromhex("30030a0101")  # malformedRequest


def test_several_certificates_at_once_are_refused(place: Place) -> None:
    certificates = [word for name in ("server", "ocsp-issuing") for word in ("-cert", place.home / f"{name}.pem")]
    named = ("-issuer", place.home / "public" / "issuing.pem", *certificates)
    assert "malformedrequest" in run("openssl", "ocsp", *named, "-url", f"http://127.0.0.1:{place.port}/", good=False)


def test_evidence_is_collected_from_it(place: Place) -> None:
    class Here(Tcp):
        def begin(self, address: bytes, port: int) -> socket.socket:
            assert (address, port) == (PUBLIC, 80)
            return super().begin(address_octets("127.0.0.1"), place.port)

    chain = [*load_certificates(place.home / "server.pem"), *load_certificates(place.home / "public" / "root.pem")]
    fetch = Fetcher(AddressPolicy(), lambda *_: [PUBLIC], Here())
    pieces = Collector(fetch).collect(chain, datetime.now(UTC).replace(microsecond=0))
    assert [piece.status.method for piece in pieces] == [EvidenceMethod.OCSP, EvidenceMethod.OCSP]
    assert all(len(piece.response or b"") < 300 for piece in pieces)


def test_a_revocation_reaches_every_client(place: Place) -> None:
    certificate = place.home / "server.pem"
    place.mecai("revoke", "--certificate", certificate, "--reason", "keyCompromise")
    for option in ("-nonce", "-no_nonce"):
        said = place.ask(certificate, option)
        assert "Response verify OK" in said
        assert "server.pem: revoked" in said
        assert "Reason: keyCompromise" in said
    (entry,) = (each for each in json.loads(place.mecai("list", "--format", "json")) if each["profile"] == "server")
    assert entry["status"] == "revoked"
    crl = ("-crl_check", "-CRLfile", place.home / "public" / "issuing.crl")
    assert "certificate revoked" in run("openssl", "verify", *place.anchors, *crl, certificate, good=False)
