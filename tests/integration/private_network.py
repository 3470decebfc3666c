"""A private network on loopback: a CA of its own, an OCSP responder that answers as told, a server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.x509 import ocsp

from mecai.client.policy import IntranetEntry
from mecai.evidence import FetchError
from mecai.service.settings import Network
from tests.patience import SECONDS
from tests.pki import Hierarchy, Issued
from tests.responders import Online, Responders
from tests.serving import serving

DOMAIN = "corp.test"
NAME = f"wiki.{DOMAIN}"


def private_ca(ocsp_url: str, name: str = "corp") -> Hierarchy:
    """Make a private CA around the real clock, whose certificates name this responder."""
    made = type("PrivateCa", (Online,), {"ocsp_url": ocsp_url})(name, datetime.now(UTC).replace(microsecond=0))
    assert isinstance(made, Hierarchy)
    return made


@dataclass
class Responder:
    """Answers for `ca` over HTTP; `said` has octets that are answered for a serial number in its place."""

    port: int
    ca: Hierarchy
    answers: Responders
    said: dict[int, bytes] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)  # nothing is answered before it is set
    waiting: threading.Event = field(default_factory=threading.Event)  # a question has come to it

    def answer(self, request: bytes) -> bytes:
        """Return the answer; raises `FetchError` where the responder is down."""
        self.waiting.set()
        assert self.gate.wait(SECONDS)
        reply = self.answers("", 1 << 16, body=request, content_type="application/ocsp-request")
        return self.said.get(ocsp.load_der_ocsp_request(request).serial_number, reply)

    @property
    def asked(self) -> int:
        """How many questions came."""
        return len(self.answers.history)

    def down(self) -> None:
        """Answer 503 from now on."""
        for ca, certificate in list(self.answers._known.values()):
            assert ca is self.ca
            self.answers.status[certificate.certificate.serial_number] = "down"


@contextmanager
def responder() -> Iterator[Responder]:
    """Run a responder for a private CA that is made with it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                body = running.answer(request)
            except FetchError:
                self.send_error(503)
                return
            with suppress(ConnectionError):  # who asked has gone
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # type: ignore[override]  # says nothing
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ca = private_ca(f"http://127.0.0.1:{server.server_port}/ocsp")
    running = Responder(server.server_port, ca, Responders(ca))
    running.gate.set()
    with serving(server):
        try:
            yield running
        finally:
            running.gate.set()


@dataclass(frozen=True)
class Served:
    """What a server shows."""

    site: Issued
    staple: bytes | None = None


def entry(
    folder: Path, ca: Hierarchy, *networks: Network, domains: tuple[str, ...] = (DOMAIN,), pins: tuple[str, ...] = ()
) -> IntranetEntry:
    """Write the roots of a private CA; returns the settings that pin its domains to it."""
    roots = folder / f"{ca.name}.pem"
    roots.write_bytes(ca.root.pem)
    return IntranetEntry(domains, roots, pins, networks)
