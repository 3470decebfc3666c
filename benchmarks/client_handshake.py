"""What demanding a voucher costs a client, against stock `ssl` at the same nginx: whole handshakes.

P-256 and TLS 1.3 on loopback, turn by turn; both check the chain and the host name. Rates are by the clock on the wall,
so the server's share is in them; processor time is the client's own thread. "Nothing cached": a process's first
connection, as to what it remembers. "Another server": in turn more servers than are remembered, of one CA, vouched for
by known authorities. "Cache warm": one server again and again. "Resumed": the same, by the session of the one before,
with a question and its answer on both sides, since a ticket comes with what is read.
"""

import itertools
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measure import Result, Work, paired
from benchmarks.remembered import forget, forget_connections
from mecai.client import ClientPolicy, Refused, VoucherContext
from mecai.service.deadline import Deadline
from tests.integration.nginx_module.server import Nginx, Staples, build_modules
from tests.ports import free_port
from tests.scene import authority_entry
from tests.unit.client.world import LOOPBACK, World

RUNS: Final = 400
_SECONDS: Final = 20
_READING: Final = 120  # seconds at most, for a busy machine
SITES: Final = 300
_AUTHORITIES: Final = ("birch", "cedar", "dogwood")
_AGAINST: Final = "stock ssl"
_QUESTION: Final = b"HEAD / HTTP/1.0\r\n\r\n"
_OCTETS: Final = 4096


def run() -> list[Result]:
    """Measure without and with what a client remembers."""
    world = World()
    names = [f"site{number}.example.test" for number in range(SITES)]
    with _server(world, names) as port:
        context = VoucherContext(ClientPolicy(), world.directory, bytes(32))
        resuming = VoucherContext(ClientPolicy(resume=True, candidates=4), world.directory, bytes(32))
        plain = ssl.create_default_context(cadata=world.alder.root.pem.decode())
        stock = _shaking(port, plain, names)
        one, each = _shaking(port, context, names[:1]), _shaking(port, context, names)

        def first() -> None:
            forget()
            forget_connections(context)
            one()

        _meet(port, context, names)
        cases = (("nothing cached", first, 0.60), ("another server", each, None), ("cache warm", one, 0.92))
        results = [
            result for name, work, required in cases for result in _both(f"handshake, {name}", work, stock, required)
        ]
        again, anew = _asking(port, resuming, names[0]), _asking(port, plain, names[0])
        again()
        if not again():
            raise RuntimeError("the server's session was not resumed")
        return [*results, *_both("handshake and a question, resumed", again, anew, None)]


def _both(name: str, work: Work, stock: Work, required: float | None) -> Iterator[Result]:
    """Measure by the clock on the wall, and by the client's processor time."""
    yield _measure(name, work, stock, required, time.perf_counter_ns)
    yield _measure(f"{name}, processor", work, stock, None, time.thread_time_ns)


def _measure(name: str, work: Work, stock: Work, required: float | None, clock: Callable[[], int]) -> Result:
    return paired(name, work, stock, _AGAINST, required=required, runs=RUNS, clock=clock)


def _shaking(port: int, context: ssl.SSLContext, names: Sequence[str]) -> Work:
    """Return work: one connection, from TCP to the end of its handshake, to the next of the names."""
    turns = itertools.cycle(names)

    def work() -> None:
        plain = socket.create_connection(("127.0.0.1", port), _SECONDS)
        context.wrap_socket(plain, server_hostname=next(turns)).close()

    return work


def _asking(port: int, context: ssl.SSLContext, name: str) -> Callable[[], bool | None]:
    """Return work: one connection to a name, a question, and all of its answer; it tells whether it was resumed."""

    def work() -> bool | None:
        plain = socket.create_connection(("127.0.0.1", port), _SECONDS)
        with context.wrap_socket(plain, server_hostname=name) as secure:
            secure.sendall(_QUESTION)
            while secure.recv(_OCTETS):
                pass
            return secure.session_reused

    return work


def _meet(port: int, context: ssl.SSLContext, names: Sequence[str]) -> None:
    """Connect to each name until nginx has read its vouchers; raises `TimeoutError`."""
    deadline = Deadline(_READING)
    for name in names:
        connect = _shaking(port, context, [name])
        while not _passes(connect):
            deadline.require()


def _passes(connect: Work) -> bool:
    try:
        connect()
    except Refused:
        return False
    return True


@contextmanager
def _server(world: World, names: Sequence[str]) -> Iterator[int]:
    """Run nginx with the module, sites of these names, and vouchers of three authorities for each; yields its port."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        nginx, port = Nginx(home, build_modules(), Staples(home / "staples")), free_port()
        authorities = [(va, va.ocsp(va.voucher)) for va in (getattr(world, each) for each in _AUTHORITIES)]
        intermediate = world.alder.ocsp(world.alder.issuing)
        blocks = "server_names_hash_max_size 8192; server_names_hash_bucket_size 128;"
        for name in names:
            site = world.alder.server(name)
            evidence = [world.alder.ocsp(site), intermediate]
            nginx.staples.put(site, "ocsp.der", evidence[0])
            for va, status in authorities:
                voucher = world.voucher(va, site=site, addresses=LOOPBACK, evidence=evidence, authority_status=status)
                nginx.staples.voucher(site, authority_entry(va).authority, voucher)
            blocks += nginx.server(port, site, options=f"server_name {name}; voucher_ocsp on;")
        try:
            nginx.start(blocks)
            yield port
        finally:
            nginx.stop()
