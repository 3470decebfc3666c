"""Vouchers beside what else nginx does in a handshake or around it: other features, other versions, an upgrade."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mecai.protocol.codec.tls_request import RequestExtension
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.tls import TLS12, TLS13, ask
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import Scene, authority_entry

BOTH = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])


def nginx_version() -> tuple[int, ...]:
    """Return the version of the nginx under test."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    said = subprocess.run([program, "-v"], capture_output=True, check=True, timeout=SECONDS).stderr.decode()
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    assert found
    return tuple(map(int, found.groups()))


def needs(*version: int) -> None:
    """Skip where nginx is older."""
    if nginx_version() < version:
        pytest.skip(f"nginx {'.'.join(map(str, nginx_version()))} has no such directive")


def variable_identity(nginx: Nginx, scene: Scene) -> str:
    """Return directives that load the certificate in the handshake: its file's name has a variable."""
    identity = re.sub(r"[0-9a-f]{16}\.", "$stem.", nginx.identity(scene.site))
    stem = next(nginx.home.glob("*.pem")).stem
    return f'map $ssl_server_name $stem {{ default "{stem}"; }} {identity}'


@BOTH
def test_client_certificates(site: Site, nginx: Nginx, version: tuple[int, int]) -> None:
    """The server asks for one; a client that has none gets its voucher all the same."""
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher)
    root = nginx.home / "root.pem"
    root.write_bytes(site.scene.alder.root.pem)
    options = f"ssl_verify_client optional; ssl_client_certificate {root};"
    nginx.start(nginx.server(site.port, site.scene.site, options=options))
    assert ask(site.port, site.request, version=version).vouchers == (voucher,)


@BOTH
def test_behind_ssl_preread(site: Site, nginx: Nginx, version: tuple[int, int]) -> None:
    """A front that reads the ClientHello for the name alone, and passes it on."""
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher)
    front = free_port()
    stream = (
        f"map $ssl_preread_server_name $back {{ www.example.test 127.0.0.1:{site.port}; }}"
        f"server {{ listen 127.0.0.1:{front}; ssl_preread on; proxy_pass $back; }}"
    )
    nginx.start(nginx.server(site.port, site.scene.site), stream)
    assert ask(front, site.request, version=version).vouchers == (voucher,)


def test_ssl_certificate_cache(site: Site, nginx: Nginx) -> None:
    """The same X509 in several handshakes, or a new one in each: what is stapled goes by its octets."""
    needs(1, 27, 4)
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher)
    mapping, _, identity = variable_identity(nginx, site.scene).partition("} ")
    nginx.start(
        f"{mapping}}} ssl_certificate_cache max=10 valid=1s;"
        f"server {{ listen 127.0.0.1:{site.port} ssl; {identity} return 200 hello; }}"
    )
    site.until(lambda: site.served() == voucher)
    begin = time.monotonic()
    while time.monotonic() < begin + 2.5:
        assert site.served() == voucher


@pytest.mark.parametrize("directive", ["voucher on; voucher_ocsp off;", "voucher off; voucher_ocsp on;"])
def test_certificate_compression_is_refused(nginx: Nginx, scene: Scene, directive: str) -> None:
    needs(1, 29, 2)
    options = f"ssl_certificate_compression on; {directive}"
    said = nginx.refused(nginx.server(free_port(), scene.site, options=options))
    assert 'has "ssl_certificate_compression" on, which keeps vouchers and staples from clients' in said
    off = "ssl_certificate_compression on; voucher off; voucher_ocsp off;"
    nginx.warned(nginx.server(free_port(), scene.site, options=off))


def test_binary_upgrade(nginx: Nginx, scene: Scene) -> None:
    """USR2, then QUIT to the old master: no handshake is without its voucher, the new processes read for themselves."""
    authority, voucher = authority_entry(scene.birch).authority, scene.voucher(scene.birch)
    nginx.staples.voucher(scene.site, authority, voucher)
    port, request = free_port(), RequestExtension(1, (authority,)).encode()
    command = nginx._command(nginx.server(port, scene.site), "", "")
    configuration = nginx.home / "nginx.conf"
    # what a sanitizer needs; nginx hands on no other variable to the new binary
    kept = "".join(f"env {name}; " for name in ("LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"))
    configuration.write_text(configuration.read_text().replace("daemon off;", f"daemon on; {kept}"))
    subprocess.run(command, env=nginx._environment(), check=True, timeout=SECONDS)
    pid_file = nginx.home / "nginx.pid"

    def master() -> int:
        try:
            return int(pid_file.read_text() or 0)
        except FileNotFoundError:  # between two masters
            return 0

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, nginx.log
            assert ask(port, request).vouchers == (voucher,)

    wait(lambda: master() > 0)
    old = master()
    try:
        os.kill(old, signal.SIGUSR2)
        wait(lambda: Path(f"{pid_file}.oldbin").exists() and master() not in {0, old})
        os.kill(old, signal.SIGQUIT)
        wait(lambda: not Path(f"{pid_file}.oldbin").exists())
        assert {ask(port, request).vouchers for _ in range(8)} == {(voucher,)}
    finally:
        if last := master():
            os.kill(last, signal.SIGQUIT)
        deadline = time.monotonic() + SECONDS
        while pid_file.exists() and time.monotonic() < deadline:
            os.sched_yield()
    assert not pid_file.exists()
    assert [path.read_text() for path in nginx.home.glob("sanitizer.*")] == []
