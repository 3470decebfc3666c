"""The project's own client, on OpenSSL, against the module: both ends of docs/spec section 5 meet."""

import socket
import ssl
from datetime import UTC, datetime

import pytest

from mecai import tls
from mecai.client import ClientPolicy, Outcome, Refused, VoucherContext, VoucherSocket
from mecai.protocol.tls_extension import VOUCHER, VOUCHER_REQUEST, Choice
from tests.integration.nginx_module.server import Nginx, free_port
from tests.pki import Hierarchy
from tests.scene import Scene, authority_entry
from tests.unit.client.world import HOST, KEY, World

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
SECONDS = 20


@pytest.fixture(scope="module")
def world() -> World:
    """Give a world around the real clock."""
    return World()


def connect(world: World, port: int, version: ssl.TLSVersion, **policy: object) -> VoucherSocket:
    """Shake hands, enforcing; the caller closes."""
    context = VoucherContext(ClientPolicy(**policy), world.directory, KEY, lambda: datetime.now(UTC))  # type: ignore[arg-type]  # a test names the keys it needs
    context.minimum_version = context.maximum_version = version
    connected = context.wrap_socket(socket.create_connection(("127.0.0.1", port), SECONDS), server_hostname=HOST)
    assert isinstance(connected, VoucherSocket)
    return connected


def lay(world: World, nginx: Nginx, *names: str) -> None:
    """Lay vouchers of some authorities and the OCSP staple."""
    for name in names:
        nginx.staples.voucher(world.site, authority_entry(world.cas[name]).authority, world.voucher(name))
    nginx.staples.put(world.site, "ocsp.der", world.staple)


@VERSIONS
@pytest.mark.parametrize("profile", ["default", "strict"])
def test_vouched_site_is_accepted(nginx: Nginx, world: World, version: ssl.TLSVersion, profile: str) -> None:
    lay(world, nginx, "birch", "cedar", "dogwood")
    port = free_port()
    nginx.start(nginx.server(port, world.site, options="voucher_ocsp on;"))
    with connect(world, port, version, profile=profile) as connection:
        assert connection.verdict is not None
        assert connection.verdict.outcome is Outcome.ACCEPTED
        assert len(connection.verdict.vouched) == (2 if profile == "strict" else 1)


@VERSIONS
def test_site_without_vouchers_is_refused(nginx: Nginx, world: World, version: ssl.TLSVersion) -> None:
    port = free_port()
    nginx.start(nginx.server(port, world.site))
    with pytest.raises(Refused) as caught:
        connect(world, port, version)
    assert caught.value.verdict.reason == "no-voucher"


@VERSIONS
def test_largest_answer_passes_openssl(nginx: Nginx, scene: Scene, version: ssl.TLSVersion) -> None:
    """Sixteen vouchers and no limit of the operator's: 32 KB, which OpenSSL takes."""
    hierarchies = [Hierarchy(f"ca{number}", scene.now) for number in range(16)]
    authorities = [authority_entry(hierarchy).authority for hierarchy in hierarchies]
    for hierarchy, authority in zip(hierarchies, authorities, strict=True):
        nginx.staples.voucher(scene.site, authority, scene.voucher(hierarchy))
    port = free_port()
    nginx.start(nginx.server(port, scene.site, options="voucher_max_size 64000;"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=scene.alder.root.pem.decode())
    context.minimum_version = context.maximum_version = version
    tls.install(context, answered=VOUCHER, unanswered=VOUCHER_REQUEST)
    exchange = tls.Exchange({VOUCHER: b"", VOUCHER_REQUEST: Choice(16, tuple(authorities)).encode()})
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection,
    ):
        tls.attach(connection._sslobj, exchange)  # type: ignore[attr-defined]  # where CPython keeps the SSL object
        connection.do_handshake()
    assert exchange.answer is not None
    assert len(exchange.answer) > 32_000
