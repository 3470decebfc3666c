"""A real ACME server on loopback, Let's Encrypt's Pebble, with DNS and an OCSP responder of its CA, and certbot.

Pebble makes its CA anew each time it starts, and lets tests have its keys. It answers no OCSP: the responder here says
what Pebble knows of a certificate.
"""

import json
import os
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import ocsp

from mecai.protocol.objects.authorities import Authority
from mecai.protocol.objects.entries import encode_authority
from mecai.protocol.pki.identity import authority_id, spki_der
from tests.integration.stock_servers import in_foreground
from tests.integration.vouching import BIN, TLS, run
from tests.pki import Hierarchy, Issued, Status
from tests.ports import free_port
from tests.serving import serving

NAME = "pebble"


@dataclass(frozen=True)
class Acme:
    """The server, what is in its folder, and where it finds who asks for a certificate."""

    folder: Path
    port: int
    management: int
    answers: int  # the port to which it comes for http-01

    def managed(self, path: str) -> bytes:
        """Return what Pebble tells tests of itself."""
        context = ssl.create_default_context(cadata=TLS.root.pem.decode())
        with urllib.request.urlopen(f"https://127.0.0.1:{self.management}/{path}", context=context) as answer:
            found: bytes = answer.read()
            return found

    @property
    def issuing(self) -> Issued:
        """The CA that signs certificates of servers, under the root."""
        root, above = (x509.load_pem_x509_certificate(self.managed(f"{path}/0")) for path in ("roots", "intermediates"))
        keys = [load_pem_private_key(self.managed(f"{path}-keys/0"), None) for path in ("root", "intermediate")]
        assert isinstance(keys[0], RSAPrivateKey)
        assert isinstance(keys[1], RSAPrivateKey)
        return Issued(above, keys[1], Issued(root, keys[0]))

    def entry(self) -> dict[str, Any]:
        """Describe the CA for the directory: it has no VAS, and nobody tells the status of what is under its root."""
        anchor = self.issuing.certificate
        return encode_authority(
            Authority(NAME, NAME, "west", authority_id(spki_der(anchor)), (anchor,), frozenset(), ())
        )

    def answer(self, question: bytes) -> bytes:
        """Answer an OCSP request by what Pebble says of the certificate."""
        asked = ocsp.load_der_ocsp_request(question)
        known = json.loads(self.managed(f"cert-status-by-serial/{asked.serial_number:x}"))
        issuing = self.issuing
        subject = Issued(x509.load_pem_x509_certificate(known["Certificate"].encode()), issuing.key, issuing)
        status: Status = "good" if known["Status"] == "Valid" else "revoked"
        return Hierarchy(NAME, datetime.now(UTC).replace(microsecond=0)).ocsp(subject, status)

    def certbot(self, *words: str, hook: Path, **environment: str) -> str:
        """Run certbot, in folders of its own, as a person or a timer does; return what it says."""
        folders = [word for name in ("config", "work", "logs") for word in (f"--{name}-dir", f"{self.folder}/{name}")]
        server = ("--server", f"https://127.0.0.1:{self.port}/dir", "--standalone", "--http-01-address", "127.0.0.1")
        asked = ("--http-01-port", str(self.answers), "--deploy-hook", str(hook), "--non-interactive", *folders)
        known = {"REQUESTS_CA_BUNDLE": f"{self.folder}/roots.pem", "PATH": f"{BIN}:{os.environ['PATH']}"}
        command = ["env", *(f"{key}={value}" for key, value in (known | environment).items())]
        return run(*command, "/usr/bin/certbot", *words, *server, *asked)


@contextmanager
def acme(folder: Path, responder: str) -> Iterator[Acme]:
    """Run everything; the OCSP responder of the CA has an address of its own, port 80 (docs/spec P7)."""
    (folder / "dns").mkdir(parents=True)
    port, management, answers, names, naming = (free_port() for _ in range(5))
    site = TLS.server("127.0.0.1")
    for name, data in (("roots.pem", TLS.root.pem), ("tls.pem", site.chain_pem), ("tls.key", site.key_pem)):
        (folder / name).write_bytes(data)
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "tls.pem"),
        "privateKey": str(folder / "tls.key"),
        "httpPort": answers,
        "tlsPort": answers,
        "ocspResponderURL": f"http://{responder}",
        "certificateValidityPeriod": 90 * 24 * 3600,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    found = Acme(folder, port, management, answers)
    off = [word for name in ("http01", "https01", "tlsalpn01", "defaultIPv6") for word in (f"-{name}", "")]
    dns = ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{names}", "-defaultIPv4", "127.0.0.1", *off]
    at_once = ["env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"]
    pebble = [*at_once, "pebble", "-config", f"{folder}/pebble.json", "-dnsserver", f"127.0.0.1:{names}"]
    with (
        in_foreground([*dns, "-management", f"127.0.0.1:{naming}"], folder / "dns", naming),
        in_foreground(pebble, folder, port),
        _responding(found, responder),
    ):
        yield found


@contextmanager
def _responding(of: Acme, address: str) -> Iterator[None]:
    class Responder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = of.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    with serving(ThreadingHTTPServer((address, 80), Responder)):
        yield
