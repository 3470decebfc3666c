"""A VAS to be measured: one worker of gunicorn behind no proxy, PostgreSQL, and a real nginx as target.

Everything is real and on loopback. The target shows `CERTIFICATES` certificates of one CA, chosen by name, at each of
`ADDRESSES` addresses, so that requests differ: identical ones would share a probe. It shows the one of `DISPUTED`, too.
More nodes of the VAS, on the same database, are configured as it takes to be refused there (`node`).
"""

import http.client
import itertools
import re
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mecai.protocol.objects.request import VoucherRequest
from tests.integration.name_server import asking, name_server
from tests.integration.postgresql import postgresql
from tests.integration.sites import serve_by_nginx
from tests.integration.vouching import PORT, SERVER, World, chain_of, running, start_node

CERTIFICATES: Final = 8
ADDRESSES: Final = 8
MANY: Final = 10**9  # quotas are not what is measured
REQUEST_TYPE: Final = "application/mecai-voucher-request"
DISPUTED: Final = "disputed"  # the label of a certificate
NETWORK: Final = SERVER.rpartition(".")[0]
NAME_SERVER: Final = f"{NETWORK}.53"
SITES: Final = tuple(f"{NETWORK}.{100 + place}" for place in range(ADDRESSES))
_SECONDS: Final = 60


@dataclass(frozen=True)
class Asked:
    """What is posted: to which path, as what, by whom; in turn if there are several bodies or requesters."""

    bodies: tuple[bytes, ...]
    path: str = "/v1/vouchers"
    content_type: str = REQUEST_TYPE
    requesters: tuple[str, ...] = ("127.0.0.1",)


@dataclass(frozen=True)
class Measured:
    """The service, and what it may be asked."""

    world: World
    port: int
    worker: int  # process id
    database: str
    requests: tuple[bytes, ...] = field(repr=False)  # distinct ones, each to be answered with a voucher

    def ask(self, body: bytes, requester: str = "127.0.0.1", path: str = "", content_type: str = REQUEST_TYPE) -> int:
        """Send one request on a connection of its own, as nginx would; return the status."""
        source = (requester, 0)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS, source_address=source)
        headers = {"Content-Type": content_type, "Connection": "close"}
        try:
            connection.request("POST", path or "/v1/vouchers", body, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def asking(self, asked: Asked | None = None, *statuses: int) -> Callable[[], None]:
        """Return work: one request, a voucher's if no other, which must be answered with one of these statuses, 200."""
        asked, expected = asked or Asked(self.requests), statuses or (200,)
        bodies, requesters = itertools.cycle(asked.bodies), itertools.cycle(asked.requesters)

        def work() -> None:
            seen = self.ask(next(bodies), next(requesters), asked.path, asked.content_type)
            if seen not in expected:
                raise RuntimeError(f"the VAS answered {seen}, expected {expected}")

        return work

    def processor_time(self) -> int:
        """Return the processor time of the worker since its start, in nanoseconds (clock_getcpuclockid(3))."""
        return time.clock_gettime_ns((~self.worker << 3) | 2)

    def memory(self) -> int:
        """Return the resident memory of the worker, in KiB."""
        status = Path(f"/proc/{self.worker}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def bare_handshake() -> Callable[[], None]:
    """Return work: one TLS handshake with the target by OpenSSL, as cheap as it is, and nothing else.

    Keys are agreed on by P-256 alone: newer libraries offer ML-KEM besides, which costs both sides more.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ecdh_curve("prime256v1")

    def work() -> None:
        with (
            socket.create_connection((SITES[0], PORT), _SECONDS) as line,
            context.wrap_socket(line, server_hostname=_host("site-0")),
        ):
            pass

    return work


@contextmanager
def service() -> Iterator[Measured]:
    """Run everything until the end."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        url = stack.enter_context(postgresql())
        stack.enter_context(name_server(NAME_SERVER, {}))
        world = stack.enter_context(
            running(
                home,
                _serve,
                tls=False,
                under=asking(NAME_SERVER, home),
                database=url,
                requests=MANY,
                vouchers=MANY,
                parallel=64,
                more=f"own_requests_per_minute = {MANY}",
            )
        )
        requests = tuple(
            request_for(world, f"site-{place}", site).encode() for place in range(CERTIFICATES) for site in SITES
        )
        if world.vas is None:
            raise RuntimeError("the VAS was not started")
        measured = Measured(world, world.vas_port, _worker(world.vas, world.vas_port), url, requests)
        for body in requests:  # evidence is cached, and known certificates are known
            measured.asking(Asked((body,)))()
        yield measured


def node(
    stack: ExitStack, measured: Measured, name: str, settings: Mapping[str, str | int], more: str = ""
) -> Measured:
    """Start another node of the VAS, with settings of its own; `more` begins a table."""
    world, home = measured.world, measured.world.birch.home
    text = (home / "vas.toml").read_text(encoding="utf-8")
    for key, value in settings.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
    config = home / f"{name}.toml"
    config.write_text(text + more, encoding="utf-8")
    door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    environment = {"MECAI_VAS_CONFIG": str(config), "PROMETHEUS_MULTIPROC_DIR": str(world.measured)}
    process, port = start_node(stack, world, door, environment=environment), door.getsockname()[1]
    return replace(measured, port=port, worker=_worker(process, port))


def certify(world: World, label: str, **config: str) -> Path:
    """Have alder certify the host of this label, by a configuration that differs in some keys; return the chain's path.

    Nobody shows it, unless nginx was told to.
    """
    home = world.alder.home
    usual = (home / "ca.toml").read_text(encoding="utf-8")
    for key, value in config.items():
        text = re.sub(rf"^{key} = .*$", f'{key} = "{value}"', usual, count=1, flags=re.MULTILINE)
        (home / "ca.toml").write_text(text, encoding="utf-8")
    try:
        return world.alder.certify("server", _host(label), label=label)
    finally:
        (home / "ca.toml").write_text(usual, encoding="utf-8")


def request_for(world: World, label: str, site: str = SITES[0]) -> VoucherRequest:
    """Return the request for a certificate at a site."""
    chain = chain_of(world.alder.home / f"{label}.pem")
    return VoucherRequest(chain[0], chain[1:], (socket.inet_aton(site),), PORT)


def _serve(stack: ExitStack, world: World) -> None:
    """Certify the sites, and start nginx for them."""
    labels = (*(f"site-{place}" for place in range(CERTIFICATES)), DISPUTED)
    chains = {_host(label): certify(world, label) for label in labels}
    serve_by_nginx(stack, world.home, chains, SITES, PORT)


def _worker(process: subprocess.Popen[bytes], port: int) -> int:
    """Return the process id of gunicorn's one worker, once it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    connection.close()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    (worker,) = map(int, children.split())
    return worker


def _host(label: str) -> str:
    return f"{label}.example.test"
