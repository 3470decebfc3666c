"""A thousand connections over one context, with failures mixed in: each has its own verdict, and nothing stays."""

import asyncio
import ctypes
import gc
import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from mecai import tls
from mecai.client import (
    ClientPolicy,
    Refused,
    Verdict,
    VoucherContext,
    VoucherObject,
    VoucherSocket,
    open_connection,
)
from mecai.client.attempt import Attempt
from tests.integration.recording_server import recording_server
from tests.unit.client.world import World

CONNECTIONS: Final = 1000
THREADS: Final = 32
GROWTH: Final = 8 * 1024  # octets for each connection; where the accepted ones stay, it is twice as much
SECONDS: Final = 60
world = World()

# What each kind of server staples, and what has to become of a connection to it: who vouched, or why not.
KINDS: Final = {
    "birch and cedar": (world.answer("birch", "cedar"), {"birch", "cedar"}),
    "nothing": (None, "no-voucher"),
    "cedar and dogwood": (world.answer("cedar", "dogwood"), {"cedar", "dogwood"}),
    "its own": (world.answer("alder"), "self-endorsed"),
    "one": (world.answer("dogwood"), "quorum"),
    "what cannot be read": (b"\0\2\0\1", "malformed"),
}
HANGS_UP: Final = "hangs up"


@dataclass(frozen=True)
class Servers:
    """Their ports by kind; one more hangs up on everybody."""

    ports: dict[str, int]

    def of(self, number: int) -> tuple[str, int]:
        """Return whom the connection of this number meets: kind and port."""
        kinds = list(self.ports)
        kind = kinds[number % len(kinds)]
        return kind, self.ports[kind]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Start one server of each kind."""
    with ExitStack() as stack:
        ports = {
            kind: stack.enter_context(recording_server(world.site, answer)).port for kind, (answer, _) in KINDS.items()
        }
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()
        yield Servers(ports | {HANGS_UP: listener.getsockname()[1]})
        listener.shutdown(socket.SHUT_RDWR)


def _hang_up(listener: socket.socket) -> None:
    with suppress(OSError):  # the listener was shut down
        while True:
            listener.accept()[0].close()


def _by_thread(context: VoucherContext, port: int) -> Verdict:
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=SECONDS)
    try:
        connection.request("GET", "/")
        assert isinstance(connection.sock, VoucherSocket)
        assert connection.sock.verdict
        verdict = connection.sock.verdict
        connection.getresponse().read()
        return verdict
    finally:
        connection.close()


async def _by_task(context: VoucherContext, port: int) -> Verdict:
    reader, writer = await open_connection("localhost", port, context, seconds=SECONDS)
    connection: VoucherObject = writer.get_extra_info("ssl_object")
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await reader.read()
    writer.close()
    with suppress(OSError):  # the server went without a word
        await writer.wait_closed()
    assert connection.verdict
    return connection.verdict


def _fault(kind: str, verdict: Verdict | None) -> str:
    """Say what is wrong with the verdict that a kind of server got; empty when nothing is."""
    if verdict is None or kind == HANGS_UP:
        return "" if verdict is None and kind == HANGS_UP else f"{kind}: {verdict}"
    due = KINDS[kind][1]
    names = {vouched.authority.name for vouched in verdict.vouched}
    found: object = names if verdict.reason is None else verdict.reason
    return "" if found == due and verdict.facts.chain[:1] in ((world.site.der,), ()) else f"{kind}: {found}"


def _in_threads(context: VoucherContext, servers: Servers, numbers: range) -> list[str]:
    def meet(number: int) -> str:
        kind, port = servers.of(number)
        try:
            return _fault(kind, _by_thread(context, port))
        except Refused as refusal:
            return _fault(kind, refusal.verdict)
        except OSError:
            return _fault(kind, None)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(meet, numbers))


def _in_tasks(context: VoucherContext, servers: Servers, numbers: range) -> list[str]:
    async def meet(number: int, room: asyncio.Semaphore) -> str:
        kind, port = servers.of(number)
        async with room:
            try:
                return _fault(kind, await _by_task(context, port))
            except Refused as refusal:
                return _fault(kind, refusal.verdict)
            except OSError:
                return _fault(kind, None)

    async def all_of_them() -> list[str]:
        room = asyncio.Semaphore(THREADS)
        return list(await asyncio.gather(*(meet(number, room) for number in numbers)))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize(("crowd", "resume"), [(_in_threads, True), (_in_tasks, False)])
def test_no_verdict_crosses_over_and_nothing_stays(
    crowd: Callable[[VoucherContext, Servers, range], list[str]], servers: Servers, *, resume: bool
) -> None:
    """Sessions neither, where they are resumed: all servers have one name and one address, and tickets of their own."""
    context = VoucherContext(ClientPolicy(profile="strict", resume=resume), world.directory, bytes(32))
    half = CONNECTIONS // 2
    faults = crowd(context, servers, range(half))
    before = _resident()
    faults += crowd(context, servers, range(half, CONNECTIONS))
    assert len(faults) == CONNECTIONS
    assert {fault for fault in faults if fault} == set()
    assert _left() == []
    assert _resident() - before < half * GROWTH


def _left() -> list[str]:
    """Return what is left of connections, by type."""
    gc.collect()
    kinds = (Attempt, Verdict, VoucherObject, VoucherSocket, tls.Exchange, tls.Facts)
    return [type(each).__name__ for each in gc.get_objects() if type(each) in kinds]


def _resident() -> int:
    """Return the octets of memory that this process holds (proc_pid_statm(5)), but for what malloc keeps of free ones.

    Each thread that ever took memory has an arena, and how much of those stays is luck (malloc_trim(3)).
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
