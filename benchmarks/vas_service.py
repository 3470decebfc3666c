"""A VAS to be measured: one worker of gunicorn behind no proxy, PostgreSQL, and a real nginx as target.

Everything is real and on loopback. The target shows `CERTIFICATES` certificates of one CA, chosen by name, at each of
`ADDRESSES` addresses, so that requests differ: identical ones would share a probe.
"""

import http.client
import itertools
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecai.protocol.objects.request import VoucherRequest
from tests.integration.postgresql import postgresql
from tests.integration.sites import serve_by_nginx
from tests.integration.vouching import PORT, SERVER, World, chain_of, running

CERTIFICATES: Final = 8
ADDRESSES: Final = 8
_HEADERS: Final = {"Content-Type": "application/mecai-voucher-request", "Connection": "close"}
_MANY: Final = 10**9  # quotas are not what is measured
_SECONDS: Final = 60
_NETWORK: Final = SERVER.rpartition(".")[0]
_SITES: Final = tuple(f"{_NETWORK}.{100 + place}" for place in range(ADDRESSES))


@dataclass(frozen=True)
class Measured:
    """The service, and what it may be asked."""

    world: World
    worker: int  # process id
    requests: tuple[bytes, ...]  # distinct ones, each to be answered with a voucher
    elsewhere: VoucherRequest  # for a certificate that its target does not show

    def ask(self, body: bytes, requester: str = "127.0.0.1") -> int:
        """Send one request on a connection of its own, as nginx would; return the status."""
        port, source = self.world.vas_port, (requester, 0)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS, source_address=source)
        try:
            connection.request("POST", "/v1/vouchers", body, _HEADERS)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def asking(self, *bodies: bytes, status: int = 200) -> Callable[[], None]:
        """Return work: one request, of these in turn, which must be answered with this status."""
        turns = itertools.cycle(bodies or self.requests)

        def work() -> None:
            if (seen := self.ask(next(turns))) != status:
                raise RuntimeError(f"the VAS answered {seen}, expected {status}")

        return work

    def processor_time(self) -> int:
        """Return the processor time of the worker since its start, in nanoseconds (clock_getcpuclockid(3))."""
        return time.clock_gettime_ns((~self.worker << 3) | 2)

    def memory(self) -> int:
        """Return the resident memory of the worker, in KiB."""
        status = Path(f"/proc/{self.worker}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def bare_handshake() -> Callable[[], None]:
    """Return work: one TLS handshake with the target by OpenSSL, and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def work() -> None:
        with (
            socket.create_connection((_SITES[0], PORT), _SECONDS) as line,
            context.wrap_socket(line, server_hostname=_name(0)),
        ):
            pass

    return work


@contextmanager
def service() -> Iterator[Measured]:
    """Run everything until the end."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        url = stack.enter_context(postgresql())
        quotas = {"database": url, "requests": _MANY, "vouchers": _MANY, "parallel": 64}
        world = stack.enter_context(running(home, _serve, tls=False, **quotas))
        requests = tuple(
            VoucherRequest(chain[0], chain[1:], (socket.inet_aton(address),), PORT).encode()
            for chain in (chain_of(_certificate(world, place)) for place in range(CERTIFICATES))
            for address in _SITES
        )
        world.alder.certify("server", _name(CERTIFICATES), label=f"site-{CERTIFICATES}")
        chain = chain_of(_certificate(world, CERTIFICATES))
        elsewhere = VoucherRequest(chain[0], chain[1:], (socket.inet_aton(_SITES[0]),), PORT)
        measured = Measured(world, _worker(world), requests, elsewhere)
        for body in requests:  # evidence is cached, and known certificates are known
            measured.asking(body)()
        yield measured


def _serve(stack: ExitStack, world: World) -> None:
    """Certify the sites, and start nginx for them."""
    for place in range(CERTIFICATES):
        world.alder.certify("server", _name(place), label=f"site-{place}")
    chains = {_name(place): _certificate(world, place) for place in range(CERTIFICATES)}
    serve_by_nginx(stack, world.home, chains, _SITES, PORT)


def _worker(world: World) -> int:
    """Return the process id of gunicorn's one worker, once it answers."""
    if world.vas is None:
        raise RuntimeError("the VAS was not started")
    connection = http.client.HTTPConnection("127.0.0.1", world.vas_port, timeout=_SECONDS)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    connection.close()
    children = Path(f"/proc/{world.vas.pid}/task/{world.vas.pid}/children").read_text(encoding="ascii")
    (worker,) = map(int, children.split())
    return worker


def _name(place: int) -> str:
    return f"site-{place}.example.test"


def _certificate(world: World, place: int) -> Path:
    return world.alder.home / f"site-{place}.pem"
