"""A VAS that is played: a real HTTPS server on loopback, whose answer the test gives."""

import http.server
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from mecai.protocol.objects.authorities import Server
from tests.pki import Hierarchy
from tests.serving import serving

NOW = datetime.now(UTC).replace(microsecond=0)
TLS = Hierarchy("tls of the played VAS", NOW)

Handle = Callable[[http.server.BaseHTTPRequestHandler], None]


class Vas:
    """An HTTPS server whose answer the test gives."""

    def __init__(self, folder: Path) -> None:
        self.handle: Handle
        self.requests: list[tuple[str, bytes]] = []
        identity = TLS.server("127.0.0.1")
        path = folder / "identity.pem"
        path.write_bytes(identity.key_pem + identity.chain_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._serving = ExitStack()
        self._serving.enter_context(serving(self._server))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        vas = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                vas.requests.append((self.path, body))
                vas.handle(self)

            def do_GET(self) -> None:
                vas.requests.append((self.path, b""))
                vas.handle(self)

            def log_message(self, *_: object) -> None:
                return

        return Handler

    def server(self, *roots: Hierarchy, path: str = "") -> Server:
        """Describe it as a directory would."""
        url = f"https://127.0.0.1:{self._server.server_address[1]}{path}"
        return Server(url, tuple(ca.root.certificate for ca in roots or (TLS,)))

    def close(self) -> None:
        """Stop it."""
        self._serving.close()


def answering(status: int, kind: str, body: bytes | str, **headers: str) -> Handle:
    """Return what answers every request alike."""

    def handle(handler: http.server.BaseHTTPRequestHandler) -> None:
        data = body.encode() if isinstance(body, str) else body
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return handle
