"""A VAS while strangers let it knock at doors that are silent, or that talk without end.

Every stranger has an address of loopback of its own, as has every door. The certificate that they name is a public one,
the honest server's: whoever has seen its chain can ask for a probe of any address.
"""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from tests.integration.vouching import PORT, SERVER, World, running
from tests.patience import SECONDS

Answer = tuple[int, bytes]
SILENT = [f"127.0.2.{number}" for number in range(1, 31)]
ENDLESS = [f"127.0.3.{number}" for number in range(1, 13)]
STRANGERS = [f"127.0.4.{number}" for number in range(1, 16)]
HELLO_REQUESTS = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 5000  # RFC 5246 section 7.4.1.1, in records of their own


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world"), requests=10**6) as world:  # of strangers, who come without a pause
        yield world


class Doors:
    """Listens at some addresses; whoever knocks is counted, and left waiting."""

    def __init__(self, addresses: list[str], port: int) -> None:
        self.addresses = addresses
        self._listeners = [socket.create_server((address, port)) for address in addresses]
        self.knocked = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._serve, args=(each,)) for each in self._listeners]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Close all doors."""
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def someone_came(self, _: "Future[Answer]") -> None:
        """Count one who comes no more."""
        self.knocked.release()

    def _serve(self, listener: socket.socket) -> None:
        with listener, suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                self.knocked.release()
                with accepted, suppress(OSError):
                    self.meet(accepted)

    def meet(self, accepted: socket.socket) -> None:
        """Say nothing until the other one goes."""
        while accepted.recv(4096):
            pass


class Endless(Doors):
    """Talks for as long as the other one listens."""

    def meet(self, accepted: socket.socket) -> None:
        """Send HelloRequests."""
        while True:
            accepted.sendall(HELLO_REQUESTS)


def request(world: World, addresses: list[str]) -> VoucherRequest:
    return world.request(addresses=tuple(map(socket.inet_aton, addresses)))


def code(answer: Answer) -> str:
    """Return the status, and what the problem document says."""
    document = json.loads(answer[1])
    return f"{answer[0]} {document['type'].rpartition('/')[2]}"


def test_the_vas_keeps_answering_an_honest_server_while_endless_and_silent_peers_are_being_probed(
    world: World,
) -> None:
    """Twelve peers send HelloRequests without end, thirty nothing, and strangers take every slot that they can."""
    answered = threading.Event()
    silent, endless = Doors(SILENT, PORT), Endless(ENDLESS, PORT)

    def have_endless_peers_probed() -> set[str]:
        answers = set()
        while not answered.is_set():
            answers.add(code(world.ask(request(world, ENDLESS), STRANGERS[0])))
        return answers

    with closing(silent), closing(endless), ThreadPoolExecutor(len(STRANGERS)) as pool, ExitStack() as stack:
        stack.callback(answered.set)
        talk = pool.submit(have_endless_peers_probed)
        silence = [
            pool.submit(world.ask, request(world, addresses), stranger)
            for addresses, stranger in zip((SILENT[:15], SILENT[15:]), STRANGERS[1:3], strict=True)
        ]
        wait_for(silent, len(SILENT))
        wait_for(endless, len(ENDLESS))
        for stranger, address in zip(STRANGERS[3:], SILENT, strict=False):
            silence.append(pool.submit(world.ask, request(world, [address]), stranger))
            silence[-1].add_done_callback(silent.someone_came)  # refused, for there is no slot
        wait_for(silent, len(STRANGERS[3:]))
        for _ in range(3):
            status, voucher = world.ask()
            assert status == 200, voucher
            assert parse_voucher(voucher).info.addresses == (socket.inet_aton(SERVER),)
        assert world.http("GET", "/readyz")[0].status == 200
        answered.set()
        outcomes = [code(future.result(SECONDS)) for future in silence]
        assert talk.result(SECONDS) <= {"502 handshake-failed", "503 overloaded"}
    assert outcomes[:2] == ["502 handshake-failed"] * 2
    assert set(outcomes) == {"502 handshake-failed", "503 overloaded"}


def wait_for(doors: Doors, knocks: int) -> None:
    for _ in range(knocks):
        assert doors.knocked.acquire(timeout=SECONDS)
