"""`mecai client proxy` with curl: a good site, refused ones, one of a private network; and what it is asked wrongly."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from mecai.protocol.pki.identity import spki_hash
from tests.integration.client_servers import PAGE, openssl_server
from tests.integration.private_network import DOMAIN, NAME, Responder, Served, responder
from tests.integration.proxied import Proxy, proxy
from tests.scene import HOST
from tests.unit.client.world import World

world = World()


@dataclass(frozen=True)
class Town:
    """A proxy, and the ports of the sites it may lead to."""

    proxy: Proxy
    vouched: int
    bare: int
    private: int
    corp: Responder


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Serve three sites, and run a proxy before them."""
    with ExitStack() as stack:

        def serve(site: Served | World, answer: bytes | None) -> int:
            return stack.enter_context(openssl_server(site, tmp_path_factory.mktemp("site"), answer))

        corp = stack.enter_context(responder())
        site = corp.ca.server(NAME)
        corp.answers.know(corp.ca, site)
        vouched, bare = serve(world, world.answer("birch", "cedar", "dogwood")), serve(world, None)
        private = serve(Served(site), None)
        folder = tmp_path_factory.mktemp("proxy")
        (folder / "corp.pem").write_bytes(corp.ca.root.pem)
        config = world.write_config(folder)
        with config.open("a") as settings:
            settings.write(f'allowed_networks = ["127.0.0.0/8"]\n[[intranet]]\ndomains = ["{DOMAIN}"]\n')
            settings.write(f'roots = "{folder}/corp.pem"\nnetworks = ["127.0.0.0/8"]\n')
            settings.write(f'pins = ["{spki_hash(corp.ca.issuing.certificate).hex()}"]\n')
        running = stack.enter_context(proxy(folder, config, (vouched, bare, private)))
        yield Town(running, vouched, bare, private, corp)


def test_a_vouched_site_comes_through(town: Town) -> None:
    done = town.proxy.curl(f"https://{HOST}:{town.vouched}/index.html")
    assert (done.returncode, done.stdout) == (0, PAGE), done.stderr


def test_a_site_of_a_private_network_comes_through(town: Town) -> None:
    done = town.proxy.curl(f"https://{NAME}:{town.private}/index.html")
    assert (done.returncode, done.stdout) == (0, PAGE), done.stderr


def test_a_refused_site_has_the_page_that_explains(town: Town) -> None:
    done = town.proxy.curl(f"https://{HOST}:{town.bare}/index.html", "--include")
    assert done.returncode == 0, done.stderr
    head, _, page = done.stdout.partition("<!doctype html>")
    assert "200 Connection established" in head
    assert "HTTP/1.1 502 Bad Gateway" in head
    for words in ("no-voucher", "(rule C1)", "the server sent no voucher", HOST, "127.0.0.1", "birch"):
        assert words in page
    assert PAGE not in page
