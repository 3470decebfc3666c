"""Directives: what nginx refuses, each in one line that says what to do; and what clients without vouchers see."""

import base64
import subprocess

import pytest

from tests.integration.nginx_module.server import Nginx
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import Scene, authority_entry

BAD_VALUES = {
    "voucher perhaps;": 'invalid value "perhaps" in "voucher" directive',
    "voucher_max_size 100;": '"voucher_max_size" is 100; expected 512 to 64000 octets',
    "voucher_max_size 65536;": '"voucher_max_size" is 65536; expected 512 to 64000 octets',
    "voucher_max_size 7k; voucher_status on;": 'invalid number of arguments in "voucher_status" directive',
    "voucher_public_address www.example.test;": '"www.example.test" is no IP address',
    "voucher_public_address unix:/run/nginx.sock;": '"unix:/run/nginx.sock" is no IP address',
}


@pytest.mark.parametrize("directive", BAD_VALUES)
def test_bad_value_is_refused(nginx: Nginx, scene: Scene, directive: str) -> None:
    assert BAD_VALUES[directive] in nginx.refused(nginx.server(free_port(), scene.site, options=directive))


BAD_IN_BLOCK = {
    "voucher_zone 100k;": '"voucher_zone" is 102400; expected 1048576 octets or more',
    "voucher_refresh 10ms;": '"voucher_refresh" is 10 ms; expected 100ms to 60000ms',
    "voucher_refresh 2m;": '"voucher_refresh" is 120000 ms; expected 100ms to 60000ms',
}


@pytest.mark.parametrize("directive", BAD_IN_BLOCK)
def test_bad_value_of_the_block_is_refused(nginx: Nginx, scene: Scene, directive: str) -> None:
    assert BAD_IN_BLOCK[directive] in nginx.refused(directive + nginx.server(free_port(), scene.site))


def test_voucher_without_tls_is_warned_of(nginx: Nginx, scene: Scene) -> None:
    """In a server that says so itself; what it inherits may be meant for others."""
    plain, silent = free_port(), free_port()
    said = nginx.warned(
        nginx.server(free_port(), scene.site)
        + f"server {{ listen 127.0.0.1:{plain}; voucher on; }} server {{ listen 127.0.0.1:{silent}; }}"
    )
    (line,) = [line for line in said.splitlines() if "voucher: " in line]
    assert 'has "voucher" or "voucher_ocsp" on and no TLS; it staples nothing' in line


def test_two_answers_for_one_staple_are_refused(nginx: Nginx, scene: Scene) -> None:
    said = nginx.refused(nginx.server(free_port(), scene.site, options="voucher_ocsp on; ssl_stapling on;"))
    assert "nginx.conf:" in said
    assert 'has both "voucher_ocsp" and "ssl_stapling" on; one of them can answer, so turn the other off' in said


def test_stapling_of_nginx_goes_with_vouchers(nginx: Nginx, scene: Scene) -> None:
    response = nginx.home / "response.der"
    response.write_bytes(scene.alder.ocsp(scene.site))
    nginx.start(nginx.server(free_port(), scene.site, options=f"ssl_stapling on; ssl_stapling_file {response};"))


def test_serverinfo_file_of_the_same_extension_is_refused(nginx: Nginx, scene: Scene) -> None:
    info = nginx.home / "serverinfo.pem"
    data = bytes.fromhex("00001180ff4d0000")
    info.write_text(_pem("SERVERINFOV2 FOR voucher", data))
    said = nginx.refused(nginx.server(free_port(), scene.site, options=f"ssl_conf_command ServerInfoFile {info};"))
    assert "has TLS extension 65357 or 65358 registered already" in said


def _pem(label: str, data: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(data).decode()}\n-----END {label}-----\n"


def test_unaware_clients_connect_as_ever(nginx: Nginx, scene: Scene) -> None:
    """Curl; and s_client with the empty extension alone, as it meets a stock server, which would die on an answer."""
    nginx.staples.voucher(scene.site, authority_entry(scene.birch).authority, scene.voucher(scene.birch))
    port = free_port()
    nginx.start(nginx.server(port, scene.site))
    root = nginx.home / "root.pem"
    root.write_bytes(scene.alder.root.pem)
    for version in ("1.2", "1.3"):
        page = subprocess.run(
            ["curl", "-sS", "--cacert", root, f"--tlsv{version}", "--tls-max", version,
             "--resolve", f"www.example.test:{port}:127.0.0.1", f"https://www.example.test:{port}/"],
            capture_output=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        assert (page.stdout, page.stderr) == (b"hello", b"")
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", root, "-serverinfo", "65357",
             f"-tls{version.replace('.', '_')}"],
            capture_output=True, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert b"Verify return code: 0 (ok)" in shown.stdout
        assert b"SERVERINFO" not in shown.stdout
