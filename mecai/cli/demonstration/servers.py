"""Who serves in the demonstration: authorities, site, sidecar, each a process, and the attacker, a thread here."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from mecai.cli.demonstration.household import Household
from mecai.cli.demonstration.scene import ADDRESS, HOST, NOTARIES, Scene
from mecai.cli.demonstration.services import FOLDER, SITE_PORT
from mecai.client.context import VoucherContext
from mecai.client.fetch import connect
from mecai.client.policy import read_policy
from mecai.client.request import Destination
from mecai.client.verdict import Outcome
from mecai.errors import VerificationError
from mecai.net.dial import dial
from mecai.net.exchange import exchange
from mecai.net.handshake import shake_hands
from mecai.net.web import trusting
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates

SECONDS: Final = 10.0  # for one exchange
PAGE_LIMIT: Final = 4096  # octets
FALSE_PAGE: Final = b"This page comes from the attacker.\n"


def start(household: Household, scene: Scene) -> None:
    """Start everything that serves, and wait until the site staples; raises `HostError`."""
    home = str(scene.home)
    household.serve("responders", scene.doors["responders"], (_app("responders()"),), {FOLDER: home})
    for name in NOTARIES:
        files, facts = scene.servers[name], {FOLDER: str(scene.home / name), SITE_PORT: str(scene.ports["site"])}
        tls = ("--certfile", str(files.certificate), "--keyfile", str(files.key))
        household.serve(f"vas-{name}", scene.doors[name], (*tls, _app("vas()")), facts)
    tls = ("--certfile", str(scene.site.certificate), "--keyfile", str(scene.site.key))
    stapling = ("--config", "python:mecai.server.gunicorn_settings", *tls, _app("page"))
    household.serve("site", scene.doors["site"], stapling, {"MECAI_STAPLES": str(scene.staples)})
    for place in (*NOTARIES, "site"):
        path = "" if place == "site" else "readyz"
        household.wait_until(place, partial(_answers, scene, place, path))
    household.run("sidecar", ("mecai.cli.demonstration.stapler", str(scene.home / "sidecar.toml")), {})
    household.wait_until("the site's vouchers", lambda: _is_accepted(scene))


def page_of(scene: Scene, place: str, path: str = "") -> tuple[int, bytes]:
    """Fetch a page as a client that knows nothing of vouchers and trusts all three roots; raises `OSError`."""
    target, deadline = Destination.of_url(scene.url(place, path)), Deadline(SECONDS)
    plain = dial(target.host, target.port, deadline)
    with shake_hands(plain, trusting(load_certificates(scene.home / "roots.pem")), HOST, deadline) as sock:
        answer = exchange(sock, target, deadline, PAGE_LIMIT)
    return answer.status, answer.body


def _answers(scene: Scene, place: str, path: str) -> bool:
    return page_of(scene, place, path)[0] == HTTPStatus.OK


def _is_accepted(scene: Scene) -> bool:
    """Tell whether the site staples by now."""
    context = VoucherContext.from_policy(read_policy(scene.client))
    try:
        connection = connect(Destination.of_url(scene.url("site")), context, Deadline(SECONDS))
    except VerificationError:
        return False
    with closing(connection.socket) if connection.socket else nullcontext():
        return connection.verdict.outcome is Outcome.ACCEPTED


class _FalsePage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(FALSE_PAGE)))
        self.end_headers()
        self.wfile.write(FALSE_PAGE)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def attacker(scene: Scene) -> Iterator[None]:
    """Serve the false page with alder's false certificate, by a server that knows nothing of vouchers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(scene.false.certificate, scene.false.key)
    with ThreadingHTTPServer((ADDRESS, 0), _FalsePage, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = context.wrap_socket(scene.doors["attacker"], server_side=True, do_handshake_on_connect=False)
        server.server_name, server.server_port = HOST, scene.ports["attacker"]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _app(name: str) -> str:
    return f"mecai.cli.demonstration.services:{name}"
