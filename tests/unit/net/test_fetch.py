"""What is fetched on a stranger's word: where it may go, how much it may bring. No network: a socket pair."""

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from mecai.evidence import AddressPolicy, Fetcher, FetchError
from mecai.net.race import Tcp
from mecai.service.deadline import Deadline

PUBLIC = ipaddress.ip_address("8.8.8.8").packed
PRIVATE = ipaddress.ip_address("10.0.0.1").packed
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class World(Tcp):
    """Resolves every name to `addresses`; answers every connection with `answer`, and keeps what was asked."""

    answer: bytes = GOOD
    addresses: Sequence[bytes] = (PUBLIC,)
    dead: frozenset[bytes] = frozenset()
    resolved: list[str] = field(default_factory=list)
    connected: list[tuple[bytes, int]] = field(default_factory=list)
    asked: bytes = b""
    threads: list[threading.Thread] = field(default_factory=list)

    def resolve(self, name: str, deadline: Deadline) -> Sequence[bytes]:
        """Stand for the DNS."""
        del deadline
        self.resolved.append(name)
        return self.addresses

    def begin(self, address: bytes, port: int) -> socket.socket:
        """Stand for the network."""
        self.connected.append((address, port))
        if address in self.dead:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = socket.socketpair()
        self.threads.append(threading.Thread(target=self._serve, args=(theirs,)))
        self.threads[-1].start()
        return ours

    def _serve(self, theirs: socket.socket) -> None:
        with theirs, suppress(OSError):  # who refuses an answer closes in the middle of it
            self.asked = whole_request(theirs)
            theirs.sendall(self.answer)


def whole_request(connected: socket.socket) -> bytes:
    """Read a request to the end of its body; closing with some of it unread would reset the connection."""
    with connected.makefile("rb") as file:
        head = b"".join(iter(file.readline, b"\r\n"))
        length = re.search(rb"Content-Length: (\d+)", head)
        return head + b"\r\n" + file.read(int(length[1]) if length else 0)


@pytest.fixture
def fetching() -> Iterator[Callable[..., tuple[World, Fetcher]]]:
    """Make a world and a fetcher in it; wait for its threads afterwards."""
    worlds: list[World] = []

    def make(policy: AddressPolicy | None = None, **settings: Any) -> tuple[World, Fetcher]:
        worlds.append(World(**settings))
        return worlds[-1], Fetcher(policy or AddressPolicy(), worlds[-1].resolve, worlds[-1])

    yield make
    for world in worlds:
        for thread in world.threads:
            thread.join()


Fetching = Callable[..., tuple[World, Fetcher]]


def test_get(fetching: Fetching) -> None:
    world, fetch = fetching()
    assert fetch("http://crl.example.test/a?b=c#d", 100) == b"hello"
    assert world.asked.startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert {b"Host: crl.example.test", b"Accept-Encoding: identity"} < set(world.asked.split(b"\r\n"))
    assert world.connected == [(PUBLIC, 80)]


def test_post(fetching: Fetching) -> None:
    world, fetch = fetching()
    fetch("http://ocsp.example.test", 100, body=b"\x30\x00", content_type="application/ocsp-request")
    assert world.asked.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Content-Type: application/ocsp-request\r\n" in world.asked
    assert world.asked.endswith(b"\r\n\r\n\x30\x00")


def test_the_name_is_resolved_once_and_the_connection_goes_to_that_address(fetching: Fetching) -> None:
    world, fetch = fetching(addresses=(PRIVATE, PUBLIC))
    fetch("http://OCSP.example.test/", 100)
    assert world.resolved == ["ocsp.example.test"]
    assert world.connected == [(PUBLIC, 80)]


def test_the_next_address_is_tried(fetching: Fetching) -> None:
    other = ipaddress.ip_address("2600::1").packed
    world, fetch = fetching(addresses=(other, PUBLIC), dead=frozenset({other}))
    assert fetch("http://ocsp.example.test:443/", 100) == b"hello"
    assert world.connected == [(other, 443), (PUBLIC, 443)]


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1"])
def test_refused_addresses_are_not_contacted(fetching: Fetching, host: str) -> None:
    world, fetch = fetching()
    with pytest.raises(FetchError, match="address-refused"):
        fetch(f"http://{host}/", 100)
    assert (world.resolved, world.connected) == ([], [])


def test_a_name_for_refused_addresses_only_is_not_contacted(fetching: Fetching) -> None:
    world, fetch = fetching(addresses=(PRIVATE,))
    with pytest.raises(FetchError, match="private"):
        fetch("http://ocsp.example.test/", 100)
    assert world.connected == []


def test_an_operators_exception_is_contacted(fetching: Fetching) -> None:
    policy = AddressPolicy(allowed=(ipaddress.ip_network("10.0.0.0/8"),))
    world, fetch = fetching(policy, addresses=(PRIVATE,))
    assert fetch("http://ocsp.example.test/", 100) == b"hello"
    assert world.connected == [(PRIVATE, 80)]


@pytest.mark.parametrize(
    "url",
    [
        "https://ocsp.example.test/",
        "ldap://ocsp.example.test/",
        "file:///etc/passwd",
        "http:///path",
        "http://user:secret@ocsp.example.test/",
        "http://ocsp.example.test:8080/",
        "http://ocsp.example.test:0/",
        "http://ocsp.example.test:99999/",
        "http://ocsp.example.test/\u00e9",
        "http://ocsp.example.test/a b\r\nX: y",
        "http://2130706433x_%/",
        "http://[fe80::1%25eth0]/",
        "http://[/",
        "",
    ],
)
def test_urls_that_are_refused(fetching: Fetching, url: str) -> None:
    _, fetch = fetching()
    with pytest.raises(FetchError):
        fetch(url, 100)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nContent-Length: 0\r\n\r\n", "answered 302"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404, expected 200"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + bytes(101), "more than 100 octets"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5000), "more than 100 octets"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + bytes(65535), "more than 100 octets"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, "headers"),
        (b"SSH-2.0-nonsense\r\n", "SSH"),
        (b"", "closed connection without response"),
    ],
)
def test_answers_that_are_refused(fetching: Fetching, answer: bytes, complaint: str) -> None:
    _, fetch = fetching(answer=answer)
    with pytest.raises(FetchError, match=complaint):
        fetch("http://ocsp.example.test/", 100)


def test_what_a_server_says_cannot_drive_a_terminal(fetching: Fetching) -> None:
    _, fetch = fetching(answer=b"HTTP/\x1b[31m\x9b" + b"y" * 9000 + b" 200 OK\r\n\r\n")
    with pytest.raises(FetchError, match="HTTP/\ufffd\\[31m\ufffdyyy") as caught:
        fetch("http://crl.example.test/", 100)
    assert len(str(caught.value)) < 400


def test_exactly_the_limit_is_let_through(fetching: Fetching) -> None:
    _, fetch = fetching()
    assert fetch("http://ocsp.example.test/", 5) == b"hello"


def test_a_silent_server_costs_no_more_than_the_deadline() -> None:
    ours, theirs = socket.socketpair()

    class Silent(Tcp):
        def begin(self, *_: object) -> socket.socket:
            return ours

    fetch = Fetcher(AddressPolicy(), lambda *_: [PUBLIC], Silent(), seconds=0.05)
    with theirs, pytest.raises(FetchError, match="timed out"):
        fetch("http://ocsp.example.test/", 100)


def test_a_path_is_sent_as_it_was_written(fetching: Fetching) -> None:
    for url, path in {
        "http://ocsp.example.test?ca=1": b"/?ca=1",
        "http://ocsp.example.test//x": b"//x",
        "http://ocsp.example.test//MEUw//+/AAA=": b"//MEUw//+/AAA=",
    }.items():
        world, fetch = fetching()
        fetch(url, 100)
        assert world.asked.split(b" ")[1] == path
