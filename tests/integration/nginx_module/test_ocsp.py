"""The OCSP staple that the module serves live, seen by `openssl s_client`; beside vouchers, by tlslite-ng."""

import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.limits import LIMITS
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.tls import HOST, ask
from tests.patience import SECONDS
from tests.pki import rsa_key
from tests.ports import free_port
from tests.scene import Scene, authority_entry

STATUS_TYPE_OCSP = b"\x01"


def s_client(port: int, *options: str, name: str = HOST) -> str:
    """Return what `openssl s_client -status` prints of a handshake."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-status"]
    done = subprocess.run(
        [*command, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
    )  # fmt: skip
    return done.stdout.decode(errors="replace")


def lacks_staple(said: str) -> bool:
    """Tell whether a handshake that `s_client` saw came without a staple; OpenSSL 3.6 has words of its own."""
    return bool(re.search(r"^OCSP responses?: no (OCSP )?responses? (sent|received)$", said, re.MULTILINE))


def _until(condition: Callable[[], bool], nginx: Nginx) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, nginx.log


@pytest.fixture
def port(nginx: Nginx, scene: Scene) -> int:
    """Give a server that staples OCSP; its file is up to the test."""
    number = free_port()
    nginx.start(nginx.server(number, scene.site, options="voucher_ocsp on;"))
    return number


@pytest.mark.parametrize("protocol", ["-tls1_2", "-tls1_3"])
def test_staple_is_served_and_replaced_live(port: int, nginx: Nginx, scene: Scene, protocol: str) -> None:
    assert lacks_staple(s_client(port, protocol))
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))
    _until(lambda: "Cert Status: good" in s_client(port, protocol), nginx)
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site, status="revoked"))
    _until(lambda: "Cert Status: revoked" in s_client(port, protocol), nginx)


def test_bad_staple_is_named_and_not_served(nginx: Nginx, scene: Scene) -> None:
    """One certificate per case, chosen by server name."""
    then, later = scene.now - timedelta(days=3), scene.now + timedelta(hours=2)
    sites = [scene.alder.server(f"bad{number}.example.test") for number in range(6)]
    cases = [
        (b"damaged", "damaged: not one OCSP response in DER"),
        (scene.alder.ocsp(sites[1]) + b"\0", "damaged: not one OCSP response in DER"),
        (bytes.fromhex("30030a0106"), "its responseStatus is 6, not successful"),
        (scene.alder.ocsp(scene.site), "foreign: it has no answer for this certificate"),
        (
            scene.alder.ocsp(sites[4], this_update=then, next_update=then + timedelta(days=1)),
            "expired, its nextUpdate was 20",
        ),
        (
            scene.alder.ocsp(sites[5], this_update=later, next_update=later + timedelta(days=1)),
            "not yet valid, its thisUpdate is 20",
        ),
    ]
    port, blocks = free_port(), ""
    for number, site in enumerate(sites):
        nginx.staples.put(site, "ocsp.der", cases[number][0])
        blocks += nginx.server(port, site, options=f"voucher_ocsp on; server_name bad{number}.example.test;")
    nginx.start(blocks)
    for number, (_, complaint) in enumerate(cases):
        assert lacks_staple(s_client(port, name=f"bad{number}.example.test"))
        place = str(nginx.staples.place(sites[number]))
        (line,) = [line for line in nginx.voucher_log if place in line]
        assert f'ocsp.der" is not served: {complaint}' in line
    assert len(nginx.voucher_log) == len(cases)


@pytest.mark.parametrize("protocol", ["-tls1_2", "-tls1_3"])
def test_largest_staple(port: int, nginx: Nginx, scene: Scene, protocol: str) -> None:
    """A client takes the largest; one octet more is not served."""
    largest = LIMITS.ocsp_staple_size
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp_of_size(scene.site, largest))
    _until(lambda: "Cert Status: good" in s_client(port, protocol), nginx)
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp_of_size(scene.site, largest + 1))
    _until(lambda: f'ocsp.der" is not served: larger than {largest} octets' in nginx.log, nginx)
    assert "Cert Status: good" in s_client(port, protocol)


def test_good_staple_outlives_a_bad_file(port: int, nginx: Nginx, scene: Scene) -> None:
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))
    _until(lambda: "Cert Status: good" in s_client(port), nginx)
    nginx.staples.put(scene.site, "ocsp.der", b"damaged")
    _until(lambda: "; what it held before, with nextUpdate 20" in nginx.log, nginx)
    assert "Cert Status: good" in s_client(port)


def test_staple_leaves_service_in_time(port: int, nginx: Nginx, scene: Scene) -> None:
    """No file changes: the worker's own clock ends it."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8)
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site, next_update=end))
    _until(lambda: "Cert Status: good" in s_client(port), nginx)
    _until(lambda: lacks_staple(s_client(port)), nginx)
    assert datetime.now(UTC) >= end


def test_each_certificate_has_its_own(nginx: Nginx, scene: Scene) -> None:
    other = scene.alder.server("rsa.example.test", server_key=rsa_key("www"))
    for site in (scene.site, other):
        nginx.staples.put(site, "ocsp.der", scene.alder.ocsp(site))
    port = free_port()
    nginx.start(nginx.server(port, scene.site, other, options="voucher off; voucher_ocsp on;"))
    for algorithms, site in (("ECDSA+SHA256", scene.site), ("RSA-PSS+SHA256", other)):
        number = site.certificate.serial_number
        serial = number.to_bytes((number.bit_length() + 7) // 8).hex().upper()
        assert f"Serial Number: {serial}" in s_client(port, "-sigalgs", algorithms)


def test_beside_a_voucher(port: int, nginx: Nginx, scene: Scene) -> None:
    """TLS 1.3: both in one CertificateEntry (tlslite-ng knows no CertificateStatus of TLS 1.2)."""
    response, voucher = scene.alder.ocsp(scene.site), scene.voucher(scene.birch)
    authority = authority_entry(scene.birch).authority
    nginx.staples.put(scene.site, "ocsp.der", response)
    nginx.staples.voucher(scene.site, authority, voucher)
    request = RequestExtension(1, (authority,)).encode()
    _until(lambda: ask(port, request).vouchers == (voucher,), nginx)
    both = ask(port, request, status=True)
    assert both.vouchers == (voucher,)
    assert both.staple == STATUS_TYPE_OCSP + len(response).to_bytes(3) + response
    alone = ask(port, request)
    assert (alone.vouchers, alone.staple) == ((voucher,), None)
