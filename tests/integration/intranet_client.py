"""A client of a private network on loopback: its authority, servers that last as long as a test, a connection judged.

Test files import the fixtures by name.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

import pytest

from mecai.client import ClientPolicy, Verdict, VoucherContext
from mecai.client.fetch import connect
from mecai.client.request import Destination
from mecai.protocol.pki.identity import spki_hash
from mecai.service.deadline import Deadline
from tests.integration.client_servers import openssl_server
from tests.integration.private_network import NAME, Responder, Served, entry, responder
from tests.patience import SECONDS
from tests.pki import Issued
from tests.unit.client.world import World

LOOPBACK: Final = IPv4Network("127.0.0.0/8")
world: Final = World()
VOUCHED: Final = world.answer("birch", "cedar", "dogwood")


@pytest.fixture(autouse=True)
def every_name_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead every name here."""

    def getaddrinfo(_host: str, port: int | None, *_more: Any, **_hints: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def corp() -> Iterator[Responder]:
    """Run a private CA's responder."""
    with responder() as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start servers that last as long as the test."""
    with ExitStack() as stack:

        def start(site: Issued, staple: bytes | None = None, answer: bytes | None = None, *more: str) -> int:
            folder = tmp_path / f"server{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(openssl_server(Served(site, staple), folder, answer, *more))

        yield start


def site_of(corp: Responder, *names: str) -> Issued:
    """Certify a server of the private network."""
    site = corp.ca.server(*(names or (NAME,)))
    corp.answers.know(corp.ca, site)
    return site


def client(corp: Responder, folder: Path, *pinned: Issued, **settings: Any) -> VoucherContext:
    """Make a client that holds the private network to its CA, or to some of its keys."""
    pins = tuple(spki_hash(each.certificate).hex() for each in pinned)
    networks = settings.pop("networks", (LOOPBACK,))
    policy = ClientPolicy(intranets=(entry(folder, corp.ca, *networks, pins=pins),), **settings)
    return VoucherContext(policy, world.directory, bytes(32))


def judged(context: VoucherContext, port: int, name: str = NAME, deadline: Deadline | None = None) -> Verdict:
    """Connect, and return the verdict; raises what ordinary validation refuses."""
    connection = connect(Destination(name, port), context, deadline or Deadline(SECONDS))
    if connection.socket:
        connection.socket.close()
    return connection.verdict
