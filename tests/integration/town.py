"""A proxy before three sites on loopback: one with vouchers, one that has none, one of a private network."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.pki.names import dns_names
from mecai.tls.library import SSL_EXT_TLS1_3_CERTIFICATE
from tests.integration.private_network import DOMAIN, NAME, Responder, responder
from tests.integration.proxied import Proxy, proxy
from tests.pki import Issued
from tests.scene import HOST
from tests.serving import serving
from tests.unit.client.world import World
from tests.unit.tls.memory import Extension, server_context

_PAGE: Final = """\
<!doctype html>
<meta charset="utf-8">
<title>{name}</title>
<body style="font: 1.1rem/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 44rem">
<h1>{name}</h1>
<p>{words}</p>
"""


@dataclass(frozen=True)
class Town:
    """The proxy, the address of each site, and the private authority's responder."""

    proxy: Proxy
    vouched: str
    bare: str
    private: str
    corp: Responder


@contextmanager
def site(
    issued: Issued, words: str, vouchers: bytes | None = None, place: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[int]:
    """Serve one page over TLS, each connection in a thread of its own; yields the port."""
    name = dns_names(issued.certificate)[0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/echo":
                self._echo()
                return
            body = _PAGE.format(name=name, words=words).encode()
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _echo(self) -> None:
            """Speak another protocol, as after an upgrade to WebSocket: each line comes back."""
            self.send_response(101)
            self.end_headers()
            for line in self.rfile:
                self.wfile.write(line)

        def log_message(self, *_: object) -> None:  # says nothing
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # who has gone has gone
            pass

    context = server_context(issued)
    Extension(lambda _message, index: None if index else vouchers).install(context, VOUCHER, SSL_EXT_TLS1_3_CERTIFICATE)
    server = Server(place, Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server):
        yield server.server_address[1]


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """Serve the sites and run the proxy, whose files are in `folder`."""
    world = World()
    with ExitStack() as stack:
        corp = stack.enter_context(responder())
        wiki = corp.ca.server(NAME)
        corp.answers.know(corp.ca, wiki)
        vouched = stack.enter_context(site(world.site, "The real one.", world.answer("birch", "cedar", "dogwood")))
        bare = stack.enter_context(site(world.site, "Perhaps the real one: nobody has vouched for it."))
        private = stack.enter_context(site(wiki, "Of this company alone."))
        config = world.write_config(folder)
        (folder / "corp.pem").write_bytes(corp.ca.root.pem)
        with config.open("a") as settings:
            settings.write(f'allowed_networks = ["127.0.0.0/8"]\n[[intranet]]\ndomains = ["{DOMAIN}"]\n')
            settings.write(f'roots = "{folder}/corp.pem"\nnetworks = ["127.0.0.0/8"]\n')
        running = stack.enter_context(proxy(folder, config, (vouched, bare, private)))
        yield Town(running, f"https://{HOST}:{vouched}/", f"https://{HOST}:{bare}/", f"https://{NAME}:{private}/", corp)
