"""The project's own client, on OpenSSL, against the module: both ends of docs/spec section 5 meet."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from mecai import tls
from mecai.client import ClientPolicy, Outcome, Refused, VoucherContext, VoucherSocket
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from mecai.protocol.pki.identity import address_octets
from tests.integration.nginx_module.server import Nginx
from tests.patience import SECONDS
from tests.pki import Hierarchy
from tests.ports import free_port
from tests.scene import HOST, Scene, authority_entry

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
LOOPBACK = (address_octets("127.0.0.1"),)


@contextmanager
def connected(scene: Scene, port: int, version: ssl.TLSVersion, **policy: object) -> Iterator[VoucherSocket]:
    """Shake hands, enforcing."""
    settings = ClientPolicy(**policy)  # type: ignore[arg-type]  # a test names the keys it needs
    context = VoucherContext(settings, scene.directory, bytes(32), lambda: datetime.now(UTC))
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection,
    ):
        connection.do_handshake()
        assert isinstance(connection, VoucherSocket)
        yield connection


def write_staples(scene: Scene, nginx: Nginx) -> None:
    """Write the vouchers of all authorities but the issuer's, and the OCSP staple."""
    for hierarchy in (scene.birch, scene.cedar, scene.dogwood):
        voucher = scene.voucher(hierarchy, addresses=LOOPBACK)
        nginx.staples.voucher(scene.site, authority_entry(hierarchy).authority, voucher)
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))


@VERSIONS
@pytest.mark.parametrize("profile", ["default", "strict"])
def test_vouched_site_is_accepted(nginx: Nginx, scene: Scene, version: ssl.TLSVersion, profile: str) -> None:
    write_staples(scene, nginx)
    port = free_port()
    nginx.start(nginx.server(port, scene.site, options="voucher_ocsp on;"))
    with connected(scene, port, version, profile=profile) as connection:
        assert connection.verdict is not None
        assert connection.verdict.outcome is Outcome.ACCEPTED
        assert len(connection.verdict.vouched) == (2 if profile == "strict" else 1)


@VERSIONS
def test_site_without_vouchers_is_refused(nginx: Nginx, scene: Scene, version: ssl.TLSVersion) -> None:
    port = free_port()
    nginx.start(nginx.server(port, scene.site))
    with pytest.raises(Refused) as caught, connected(scene, port, version):
        pass
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
    exchange = tls.Exchange({VOUCHER: b"", VOUCHER_REQUEST: RequestExtension(16, tuple(authorities)).encode()})
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False) as connection,
    ):
        tls.attach(connection._sslobj, exchange)  # type: ignore[attr-defined]  # where CPython keeps the SSL object
        connection.do_handshake()
    assert exchange.answer is not None
    assert len(exchange.answer) > 32_000
