"""What the nginx module costs a handshake, against the same nginx without it, with a staple: worker's processor time.

One worker each, on loopback, P-256, turn by turn. The stock nginx staples one OCSP response from a file; the other one
staples the same from the staple directory, and answers a client's request with a voucher.
`MECAI_BENCH_CERTIFICATES` (default 1000) times 60 vouchers lie in the large directory.
"""

import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.measure import Result, Work, paired
from benchmarks.staples import CERTIFICATES, certificate_files, fill, scene_of_today
from mecai import tls
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from tests.integration.nginx_module.server import Nginx, Staples, build_modules
from tests.pki import Issued
from tests.ports import free_port
from tests.scene import Scene, authority_entry

_SECONDS: Final = 20
_FILL_SECONDS: Final = 600
RUNS: Final = 400
_AGAINST: Final = "stock nginx with staple"
_VERSIONS: Final = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}


def run() -> list[Result]:
    """Measure with one certificate, then with many."""
    scene = scene_of_today()
    count = int(os.environ.get("MECAI_BENCH_CERTIFICATES", CERTIFICATES))
    with ExitStack() as stack:
        one = stack.enter_context(_pair(scene, 1, 1))
        results = [
            _measure(f"handshake, TLS {name}, voucher", one, version, 0.97) for name, version in _VERSIONS.items()
        ]
        results.append(_measure("handshake, TLS 1.3, client without", one, _VERSIONS["1.3"], 0.99, asks=False))
    with _pair(scene, count, 60) as many:
        results.append(_measure(f"handshake, TLS 1.3, voucher, {count} x 60", many, _VERSIONS["1.3"], 0.95))
    return results


class _Server:
    """A running nginx of one worker."""

    def __init__(self, nginx: Nginx, port: int, request: bytes, names: list[str]) -> None:
        self.port, self.request, self.names = port, request, names
        self._turn = 0
        while not nginx.worker_pids():  # the port accepts before there is a worker
            os.sched_yield()
        (self.worker,) = nginx.worker_pids()

    def processor_time(self) -> int:
        """Return the processor time of the worker since its start, in nanoseconds (clock_getcpuclockid(3))."""
        return time.clock_gettime_ns((~self.worker << 3) | 2)

    def shaking(self, version: ssl.TLSVersion, *, asks: bool, answered: bool) -> Work:
        """Return work: one handshake, which takes the staple; `answered` says whether a voucher must come."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        tls.install(context, answered=VOUCHER, unanswered=VOUCHER_REQUEST)
        extensions = {VOUCHER: b"", VOUCHER_REQUEST: self.request} if asks else {}

        def work() -> None:
            self._turn += 1
            name = self.names[self._turn % len(self.names)]
            exchange = tls.Exchange(extensions)
            with (
                socket.create_connection(("127.0.0.1", self.port), _SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False) as connection,
            ):
                tls.attach(connection._sslobj, exchange)  # type: ignore[attr-defined]  # noqa: SLF001 CPython's SSL object
                connection.do_handshake()
            if bool(exchange.answer) is not answered:
                raise RuntimeError(f"{name}: {'no' if answered else 'a'} voucher in the handshake")

        return work


@contextmanager
def _pair(scene: Scene, count: int, each: int) -> Iterator[tuple[_Server, _Server]]:
    """Start both for the same certificates; wait until all vouchers are read."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        home.chmod(0o755)
        staples = Staples(home / "staples")
        sites = fill(staples, scene, count, each)
        request = RequestExtension(1, (authority_entry(scene.birch).authority,)).encode()
        yield (
            _start(home / "module", stack, staples, sites, request, load=True),
            _start(home / "stock", stack, staples, sites, request, load=False),
        )


def _start(
    home: Path, stack: ExitStack, staples: Staples, sites: list[Issued], request: bytes, *, load: bool
) -> _Server:
    home.mkdir()
    nginx, port = Nginx(home, build_modules(), staples, load=load), free_port()
    stack.callback(nginx.stop)
    nginx.start(server_blocks(nginx, port, sites))
    server = _Server(nginx, port, request, [f"site{number}.example.test" for number in range(len(sites))])
    if load:
        _wait(server)
    return server


def server_blocks(nginx: Nginx, port: int, sites: list[Issued]) -> str:
    """Return a server for each site, by SNI, which staples: by the module, or from a file where that is not loaded."""
    blocks = "server_names_hash_max_size 8192; server_names_hash_bucket_size 128;"
    for number, (site, (chain, key)) in enumerate(zip(sites, certificate_files(nginx.home, sites), strict=True)):
        response = nginx.staples.place(site) / "ocsp.der"
        staple = "voucher_ocsp on;" if nginx.load else f"ssl_stapling on; ssl_stapling_file {response};"
        blocks += (
            f"server {{ listen 127.0.0.1:{port} ssl; server_name site{number}.example.test; {staple} "
            f"ssl_certificate {chain}; ssl_certificate_key {key}; return 200 hello; }}\n"
        )
    return blocks


def _wait(server: _Server) -> None:
    """Shake hands until every name has its voucher."""
    deadline = time.monotonic() + _FILL_SECONDS
    work = server.shaking(ssl.TLSVersion.TLSv1_3, asks=True, answered=True)
    answered = 0
    while answered < len(server.names):
        try:
            work()
            answered += 1
        except RuntimeError:
            answered = 0
            if time.monotonic() > deadline:
                raise


def _measure(
    name: str, pair: tuple[_Server, _Server], version: ssl.TLSVersion, required: float, *, asks: bool = True
) -> Result:
    ours, stock = pair
    works: list[Callable[[], object]] = [
        ours.shaking(version, asks=asks, answered=asks),
        stock.shaking(version, asks=asks, answered=False),
    ]
    clocks = {"clock": ours.processor_time, "other_clock": stock.processor_time}
    return paired(name, works[0], works[1], _AGAINST, required=required, runs=RUNS, **clocks)
