"""QUIC (T10): nginx answers nobody there with vouchers and ends no handshake; by TCP at the same port it answers."""

import os
import shutil
import subprocess

import pytest

from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.test_zone import status
from tests.integration.nginx_module.tls import HOST
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import Scene

STATUS_REQUEST = 5  # RFC 6066 section 8
DAMAGED = b"\x01\x00"  # TCP: decode_error


def has_http3() -> bool:
    """Tell whether the nginx under test speaks HTTP/3."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    said = subprocess.run([program, "-V"], capture_output=True, check=True, timeout=SECONDS).stderr
    return b"--with-http_v3_module" in said


pytestmark = pytest.mark.skipif(not has_http3(), reason="this nginx has no HTTP/3")


@pytest.fixture
def plain() -> int:
    """Give a port for the status."""
    return free_port()


@pytest.fixture
def both(site: Site, nginx: Nginx, scene: Scene, plain: int) -> Site:
    """Give a running site that speaks TLS and QUIC at one port, with a voucher and a staple in service."""
    voucher = scene.voucher(scene.birch)
    site.put(voucher)
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))
    listen = f"ssl; listen 127.0.0.1:{site.port} quic"
    nginx.start(
        nginx.server(site.port, scene.site, listen=listen, options="voucher_ocsp on;")
        + f"server {{ listen 127.0.0.1:{plain}; location /status {{ voucher_status; }} }}"
    )
    site.settle(voucher)
    return site


@pytest.mark.parametrize("damaged", [False, True], ids=["genuine", "damaged"])
def test_a_request_by_quic_is_not_answered_and_ends_nothing(both: Site, plain: int, damaged: bool) -> None:
    from tests.integration.nginx_module.quic import ask_by_quic  # noqa: PLC0415 - where it can run at all

    request = DAMAGED if damaged else both.request
    answer = ask_by_quic(both.port, {VOUCHER_REQUEST: request, VOUCHER: b"", STATUS_REQUEST: b"\x01\0\0\0\0"})
    assert answer.certificate == both.scene.site.der
    assert answer.extensions.keys() == {STATUS_REQUEST}  # the OCSP staple is not the module's invention
    handshakes = status(plain)["handshakes"]
    assert isinstance(handshakes, dict)
    assert handshakes["quic"] == (0 if damaged else 1)
    assert both.served()


def test_http3_goes_on_as_it_did(both: Site) -> None:
    """A stock client (curl) that asks for nothing."""
    root = both.nginx.home / "root.pem"
    root.write_bytes(both.scene.alder.root.pem)
    command = ["curl", "--silent", "--show-error", "--http3-only", "--max-time", str(SECONDS), "--cacert", str(root)]
    command += ["--resolve", f"{HOST}:{both.port}:127.0.0.1", "--write-out", " by HTTP/%{http_version}"]
    done = subprocess.run([*command, f"https://{HOST}:{both.port}/"], capture_output=True, timeout=SECONDS, check=False)
    assert done.stdout == b"hello by HTTP/3", done.stderr.decode()
