"""What a proxy before a browser is asked wrongly, and what a site hears before it is believed: nothing."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.proxied import Proxy, proxy
from tests.patience import SECONDS
from tests.scene import HOST
from tests.unit.client.world import World
from tests.unit.tls.memory import server_context

world = World()


class Recorder:
    """A site without vouchers that keeps what it hears over TLS, and says something first."""

    def __init__(self) -> None:
        self._context = server_context(world.site)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard: list[bytes] = []  # of each connection
        self._met = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                plain, _ = self._listener.accept()
                octets = self._hear(plain)
                with self._met:
                    self.heard.append(octets)
                    self._met.notify()

    def _hear(self, plain: socket.socket) -> bytes:
        octets = b""
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as secure:
            secure.sendall(b"HTTP/1.1 200 OK\r\n\r\nfalse")
            while more := secure.recv(65536):
                octets += more
        return octets

    def wait_for(self, connections: int) -> list[bytes]:
        """Return what each of so many connections has said."""
        with self._met:
            assert self._met.wait_for(lambda: len(self.heard) >= connections, SECONDS)
            return self.heard

    def close(self) -> None:
        """Take no connection any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    recording = Recorder()
    yield recording
    recording.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    with proxy(folder, world.write_config(folder), (recorder.port,), "--domain", "example.test") as started:
        yield started


def answer(running: Proxy, *octets: bytes, ends: bool = False) -> bytes:
    """Return all that the proxy says to some octets, whether it has read them all when it closes or not."""
    heard = b""
    with socket.create_connection(("127.0.0.1", running.port), SECONDS) as client, suppress(ConnectionError):
        client.sendall(b"".join(octets))
        if ends:
            client.shutdown(socket.SHUT_WR)
        while more := client.recv(65536):
            heard += more
    return heard


def test_a_site_hears_nothing_before_the_verdict(running: Proxy, recorder: Recorder) -> None:
    """The request, with its cookie, ends at the proxy; neither did what the site says first reach the browser."""
    before = len(recorder.heard)
    done = running.curl(f"https://{HOST}:{recorder.port}/secret", "--cookie", "secret", "--data", "secret")
    assert "no-voucher" in done.stdout
    assert "false" not in done.stdout.partition("</style>")[2].split()
    assert recorder.wait_for(before + 1)[before:] == [b""]


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        ([b"CONNECT www.example.test:443"], b"400"),
        ([b"CONNECT www.exa\x00mple.test:443 HTTP/1.1\r\n\r\n"], b"400"),
        ([b"CONNECT www.exa\x1bmple.test:443 HTTP/1.1\r\n\r\n"], b"400"),
        ([b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n"], b"403"),
        ([b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n"], b"403"),
        ([b"CONNECT mail.example.test:25 HTTP/1.1\r\n\r\n"], b"403"),
        ([b"CONNECT www.other.test:443 HTTP/1.1\r\n\r\n"], b"403"),
        ([b"CONNECT www.example.test:443 HTTP/1.1\r\n\r\n", b"\x16\x03\x01"], b"400"),
        ([b"CONNECT www.example.test:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"], b"400"),
        ([b"CONNECT 0x7f000001:443 HTTP/1.1\r\n\r\n"], b"400"),
        ([b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 100, b"\r\n"], b"400"),
        ([b"GET / HTTP/1.1\r\nX: ", b"y" * 100_000], b"431"),
        ([b"GET /verdicts HTTP/1.1\r\nHost: evil.test\r\n\r\n"], b"421"),
        ([b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", b"\x00" * 200], b"400"),
    ],
)
def test_what_is_asked_wrongly_is_answered_at_once(running: Proxy, octets: list[bytes], status: bytes) -> None:
    assert answer(running, *octets, ends=True).startswith(b"HTTP/1.1 " + status)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can be somebody else")
def test_other_users_are_not_served(running: Proxy) -> None:
    """Here as root, who may be anybody: curl as `nobody` is hung up on."""
    done = running.curl(f"{running.url}/verdicts", "--noproxy", "*", user="nobody")
    assert (done.returncode in (52, 56), done.stdout) == (True, ""), done.stderr
    assert "verdicts" in json.loads(running.curl(f"{running.url}/verdicts", "--noproxy", "*").stdout)


def test_it_listens_on_loopback_alone(running: Proxy) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line]
    assert [each for each in listening if each.endswith(f":{running.port:04X}")] == [f"0100007F:{running.port:04X}"]
    six = [line.split()[1] for line in Path("/proc/net/tcp6").read_text().splitlines()[1:] if " 0A " in line]
    assert not [each for each in six if each.endswith(f":{running.port:04X}")]


def test_it_goes_on_among_many_who_say_nothing_and_declines_one_too_many(running: Proxy) -> None:
    """256 at once: each of them is there, for the accept queue is taken in its order."""
    silent = [socket.create_connection(("127.0.0.1", running.port), SECONDS) for _ in range(255)]
    try:
        page = f"GET /ca.pem HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n\r\n".encode()
        assert answer(running, page).startswith(b"HTTP/1.1 200")
        silent += [socket.create_connection(("127.0.0.1", running.port), SECONDS) for _ in range(2)]
        assert answer(running, page).startswith(b"HTTP/1.1 503")
    finally:
        for each in silent:
            each.close()
