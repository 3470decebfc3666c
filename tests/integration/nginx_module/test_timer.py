"""When files are read: before the first connection and by timer, never inside a handshake (ADR 0015)."""

import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from mecai.protocol.codec.tls_request import RequestExtension
from tests.integration.nginx_module.server import Nginx, Staples
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.test_zone import status
from tests.integration.nginx_module.tls import ask
from tests.ports import free_port
from tests.scene import Scene, authority_entry

# From the read that brings a ClientHello to the write of the server's first flight: a worker does one thing at a time.
HANDSHAKE: Final = re.compile(r'^\d+ +read\((\d+), "\\26\\3\\1.*\n((?:.*\n)*?)\d+ +write\(\1, "\\26\\3', re.MULTILINE)
FILE_CALL: Final = re.compile(r"^\d+ +(\w*(?:open|stat|access|getdents|readlink)\w*)\(", re.MULTILINE)


def test_handshakes_touch_no_file(site: Site, nginx: Nginx) -> None:
    """Several rounds and a new voucher pass by while clients connect; the kernel sees which calls are made when."""
    nginx.trace = nginx.home / "trace"
    first, second = (site.scene.voucher(site.scene.birch, serial_number=number) for number in (1, 2))
    site.put(first, age=60)
    site.start()
    assert {site.served() for _ in range(12)} == {first}
    site.put(second, age=60)
    site.settle(second)
    nginx.stop()
    trace = nginx.trace.read_text()
    handshakes = [inside for _, inside in HANDSHAKE.findall(trace)]
    assert len(handshakes) >= 12
    assert [FILE_CALL.findall(inside) for inside in handshakes] == [[]] * len(handshakes)
    reads = [found.start() for found in re.finditer(rf'openat\(\d+, "{site.authority.hex()}.voucher"', trace)]
    assert len(reads) == 2  # once for each version
    assert reads[0] < trace.index(" accept4(")  # before the first connection


def test_first_handshake_of_every_worker_has_the_voucher(site: Site) -> None:
    site.nginx.workers = 4
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher)
    site.start()
    assert {site.served() for _ in range(24)} == {voucher}


def test_only_workers_read(site: Site) -> None:
    """A cache manager starts as a worker does: what is wrong with a file would be said by both."""
    site.put(b"bad")
    cache = f"proxy_cache_path {site.nginx.home}/cache keys_zone=cache:1m;"
    site.nginx.start(cache + site.nginx.server(site.port, site.scene.site))
    assert site.served() is None
    site.nginx.stop()
    assert len(site.nginx.voucher_log) == 1


def test_voucher_leaves_service_in_time(site: Site) -> None:
    """No file changes: ten minutes before its end the worker's own clock takes it out."""
    end = site.now() + timedelta(seconds=600 + 8)
    voucher = site.scene.voucher(site.scene.birch, next_update=end)
    site.put(voucher)
    site.start()
    assert site.served() == voucher
    site.until(lambda: site.served() is None)
    assert site.now() > end - timedelta(seconds=600)


def test_certificate_that_is_loaded_in_the_handshake(nginx: Nginx, scene: Scene) -> None:
    """Its file's name has a variable: nobody can know it before a client connects."""
    authority, voucher = authority_entry(scene.birch).authority, scene.voucher(scene.birch)
    nginx.staples.voucher(scene.site, authority, voucher)
    port, request = free_port(), RequestExtension(1, (authority,)).encode()
    identity = re.sub(r"[0-9a-f]{16}\.", "$stem.", nginx.identity(scene.site))
    stem = next(nginx.home.glob("*.pem")).stem
    nginx.start(
        f'map $ssl_server_name $stem {{ default "{stem}"; }}'
        f"server {{ listen 127.0.0.1:{port} ssl; {identity} return 200 hello; }}"
    )
    assert ask(port, request).certificate == scene.site.der
    site = Site(nginx, scene)
    site.port = port
    site.until(lambda: site.served() == voucher)


def test_many_files_are_read_in_parts(site: Site) -> None:
    """A round longer than a part goes on while clients are served; in the end all is read."""
    site.put(site.scene.voucher(site.scene.birch))
    plain = free_port()
    site.nginx.start(
        f"server {{ listen 127.0.0.1:{plain}; location /status {{ voucher_status; }} }}"
        + site.nginx.server(site.port, site.scene.site)
    )
    for number in range(200):
        site.nginx.staples.put(site.scene.site, f"{number:016x}.voucher", Path(__file__).read_bytes()[:100])
    site.until(lambda: status(plain)["refused"] == 200)
    assert site.served() is not None


def test_all_blocks_share_one_wait_at_start(site: Site, nginx: Nginx) -> None:
    """A directory takes longer to list than a worker waits: the second block's is listed when clients are served."""
    voucher, stream = site.scene.voucher(site.scene.birch), free_port()
    other = Staples(nginx.home / "other")
    for staples in (nginx.staples, other):
        staples.voucher(site.scene.site, site.authority, voucher)
    nginx.trace, nginx.inject = nginx.home / "trace", ("-e", "inject=getdents64:delay_enter=1100000:when=1")
    block = nginx.server(stream, site.scene.site, options=f"voucher_directory {other.root};")
    nginx.start(nginx.server(site.port, site.scene.site), block.replace("return 200", "return"))
    for port in (site.port, stream):
        site.until(partial(_serves, port, site.request, voucher))
    nginx.stop()
    # the first wait for events is nginx's own test of what epoll can do
    before = nginx.trace.read_text().split(" epoll_wait(", 2)[:2]
    assert sum(part.count(" getdents64(") for part in before) == 1


def _serves(port: int, request: bytes, voucher: bytes) -> bool:
    return ask(port, request).vouchers == (voucher,)
