"""What all workers share: files are read once for all, and a reload keeps what they held (ADR 0062)."""

import json
import os
import re
import signal
import socket
from functools import partial
from pathlib import Path

import pytest

from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.voucher import parse_voucher
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.site import Site
from tests.integration.nginx_module.test_ocsp import lacks_staple, s_client
from tests.integration.nginx_module.tls import ask
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import Scene, authority_entry


def reads(site: Site) -> int:
    """Return how often birch's file was opened."""
    assert site.nginx.trace is not None
    return len(re.findall(rf'openat\(\d+, "{site.authority.hex()}.voucher"', site.nginx.trace.read_text()))


def status(port: int) -> dict[str, object]:
    """Return what `voucher_status` shows at /status."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as sock:
        sock.sendall(b"GET /status HTTP/1.0\r\n\r\n")
        head, body = b"".join(iter(lambda: sock.recv(4096), b"")).split(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    found: dict[str, object] = json.loads(body)
    return found


def test_one_reading_serves_workers_of_http_and_stream_and_a_reload(site: Site, nginx: Nginx) -> None:
    nginx.workers, nginx.trace = 3, nginx.home / "trace"
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher, age=60)
    stream = free_port()
    http = nginx.server(site.port, site.scene.site, options=f"voucher_directory {nginx.staples.root}/;")
    block = nginx.server(stream, site.scene.site).replace("return 200", "return")
    nginx.start(http, block)
    assert {ask(port, site.request).vouchers for port in (site.port, stream) * 8} == {(voucher,)}
    old = nginx.worker_pids()
    nginx.reload()
    site.until(lambda: not old & nginx.worker_pids())
    assert {ask(port, site.request).vouchers for port in (site.port, stream) * 8} == {(voucher,)}
    assert reads(site) == 1
    renewed = site.scene.voucher(site.scene.birch, serial_number=2)
    site.put(renewed, age=60)
    site.settle(renewed)
    assert ask(stream, site.request).vouchers == (renewed,)
    assert reads(site) == 2


def test_worker_that_is_killed_leaves_the_others_working(site: Site, nginx: Nginx) -> None:
    nginx.workers = 2
    first, second = (site.scene.voucher(site.scene.birch, serial_number=number) for number in (1, 2))
    site.put(first)
    site.start()
    assert {site.served() for _ in range(8)} == {first}
    killed = min(nginx.worker_pids())
    os.kill(killed, signal.SIGKILL)
    site.until(lambda: len(nginx.worker_pids() - {killed}) == 2)
    site.put(second)
    site.settle(second)
    nginx.forgive("exited on signal 9")


def _reloaded(nginx: Nginx, times: int) -> bool:
    return len(re.findall("reconfiguring$", nginx.log, re.MULTILINE)) >= 2 * times


def _said(nginx: Nginx, lines: int) -> bool:
    return len(nginx.voucher_log) == lines


def test_reload_without_a_master(site: Site, nginx: Nginx) -> None:
    """The one process goes on, and frees a zone of another size: its timer reads into the new one.

    nginx itself answers no handshake after that (1.22: its old sockets keep configurations that are gone).
    """
    nginx.master, nginx.log_level = False, "notice"
    voucher = site.scene.voucher(site.scene.birch)
    site.put(voucher)
    site.start()
    assert site.served() == voucher
    for number, size in enumerate(("8m", "16m", "16m"), 1):
        nginx.reload(f"voucher_zone {size};" + nginx.server(site.port, site.scene.site))
        nginx.until(partial(_reloaded, nginx, number), "load its configuration anew")
        site.put(f"bad {number}".encode())
        nginx.until(partial(_said, nginx, number), "read after the reload")


def test_reload_that_staples_nothing_without_a_master(site: Site, nginx: Nginx) -> None:
    """The zone is freed at once, and the old configuration later: nothing may reach for either.

    A client that had connected before shakes hands with the old one, which has nothing to staple any more.
    """
    nginx.master, nginx.log_level = False, "notice"
    site.put(site.scene.voucher(site.scene.birch))
    nginx.start(nginx.server(site.port, site.scene.site, options="voucher_ocsp on;"))
    assert site.served() is not None
    nothing, something = (
        nginx.server(site.port, site.scene.site, options=f"voucher {word};") for word in ("off", "on")
    )

    def reload_to_nothing() -> None:
        nginx.reload(nothing)
        nginx.until(partial(_reloaded, nginx, 1), "load its configuration anew")

    assert ask(site.port, site.request, connected=reload_to_nothing, status=True).vouchers is None
    nginx.reload(something)
    nginx.until(partial(_reloaded, nginx, 2), "load its configuration anew")
    site.put(b"bad")
    nginx.until(partial(_said, nginx, 1), "read after the reload")


def test_one_line_an_hour_for_a_certificate_without_directory(site: Site, nginx: Nginx) -> None:
    """Vouchers and staple, http and stream, two workers: one cause, said with the connection that met it."""
    nginx.workers = 2
    stream = free_port()
    http = nginx.server(site.port, site.scene.site, options="voucher_ocsp on;")
    block = nginx.server(stream, site.scene.site, options="voucher_ocsp on;").replace("return 200", "return")
    nginx.start(http, block)
    for port in (site.port, stream) * 6:
        assert ask(port, site.request).vouchers is None
        assert lacks_staple(s_client(port))
    (line,) = nginx.voucher_log
    assert line.startswith("nothing to staple for the certificate in use: directory")
    assert "No such file or directory" in line
    assert "client: 127.0.0.1" in line


def test_who_asks_for_nothing_causes_no_line(site: Site, nginx: Nginx) -> None:
    site.start()
    assert ask(site.port, None, voucher=None).vouchers is None
    assert nginx.voucher_log == []


def test_log_variables_and_status(nginx: Nginx, scene: Scene) -> None:
    """In `stream`, a limit looks at a variable before the handshake: the log shows what came of it all the same."""
    birch, cedar = (authority_entry(hierarchy).authority for hierarchy in (scene.birch, scene.cedar))
    nginx.staples.voucher(scene.site, birch, scene.voucher(scene.birch))
    nginx.staples.put(scene.site, "ocsp.der", scene.alder.ocsp(scene.site))
    nginx.staples.voucher(scene.site, cedar, b"bad")
    port, off, stream, plain = (free_port() for _ in range(4))
    log = nginx.home / "access"
    form = "'[$voucher_requested $voucher_answered $voucher_reason]'"
    nginx.start(
        f"log_format v {form};"
        + nginx.server(port, scene.site, options=f"access_log {log} v; voucher_ocsp on;")
        + nginx.server(off, scene.site, options=f"access_log {log} v; voucher off;")
        + f"server {{ listen 127.0.0.1:{plain}; location /status {{ voucher_status; }} }}",
        f"log_format v {form}; access_log {log}.stream v; limit_conn_zone $voucher_reason zone=early:1m;"
        + nginx.server(stream, scene.site, options="limit_conn early 9;").replace("return 200", "return"),
    )
    get = b"GET / HTTP/1.0\r\n\r\n"
    for server, candidates in ((port, (birch, cedar)), (port, (cedar,)), (off, (birch,))):
        ask(server, RequestExtension(1, candidates).encode(), send=get)
    ask(port, None, voucher=None, send=get)
    ask(stream, RequestExtension(1, (birch,)).encode(), send=b"")
    found = status(plain)
    nginx.stop()
    assert log.read_text().splitlines() == [
        f"[1/{birch.hex()},{cedar.hex()} 1 answered]",
        f"[1/{cedar.hex()} 0 no-match]",
        f"[1/{birch.hex()} 0 off]",
        "[- - -]",
    ]
    assert Path(f"{log}.stream").read_text().splitlines()[-1] == f"[1/{birch.hex()} 1 answered]"
    assert {name: found[name] for name in ("certificates", "unread", "vouchers", "staples", "refused")} == {
        "certificates": 1, "unread": 0, "vouchers": 1, "staples": 1, "refused": 1,
    }  # fmt: skip
    handshakes = found["handshakes"]
    assert isinstance(handshakes, dict)
    assert {name: count for name, count in handshakes.items() if count} == {
        "answered": 2, "no-match": 1, "off": 1, "asked": 4,
    }  # fmt: skip


@pytest.mark.parametrize("stapling", ["stream", "nowhere"])
def test_status_where_no_http_server_staples(nginx: Nginx, scene: Scene, stapling: str) -> None:
    """The zone is there for who only shows it: `stop` fails where a worker ended on a signal."""
    nginx.staples.voucher(scene.site, authority_entry(scene.birch).authority, scene.voucher(scene.birch))
    port, plain = free_port(), free_port()
    http = f"server {{ listen 127.0.0.1:{plain}; location /status {{ voucher_status; }} }}"
    if stapling == "stream":
        nginx.start(http, nginx.server(port, scene.site).replace("return 200", "return"))
    else:
        nginx.start(http + nginx.server(port, scene.site, options="voucher off;"))
    found = status(plain)
    assert (found["certificates"], found["vouchers"]) == ((1, 1) if stapling == "stream" else (0, 0))


@pytest.mark.parametrize("reason", ["cached", "resumed", "no-room", "no-directory"])
def test_reasons(nginx: Nginx, scene: Scene, reason: str) -> None:
    """Each word is what happened."""
    voucher, authority = scene.voucher(scene.birch), authority_entry(scene.birch).authority
    if reason != "no-directory":
        nginx.staples.voucher(scene.site, authority, voucher)
    port, log = free_port(), nginx.home / "access"
    limit = "voucher_max_size 512;" if reason == "no-room" else ""
    nginx.start(
        f"log_format v $voucher_reason; {limit} ssl_session_cache shared:s:1m;"
        + nginx.server(port, scene.site, options=f"access_log {log} v;")
    )
    cached = (parse_voucher(voucher).hash,) if reason == "cached" else ()
    request, get = RequestExtension(1, (authority,), cached=cached).encode(), b"GET / HTTP/1.0\r\n\r\n"
    session = ask(port, request, send=get).session
    if reason == "resumed":
        ask(port, request, send=get, session=session)
    nginx.stop()
    assert log.read_text().splitlines()[-1] == reason


def test_a_zone_of_two_sizes_is_refused(nginx: Nginx, scene: Scene) -> None:
    http = "voucher_zone 8m;" + nginx.server(free_port(), scene.site)
    stream = nginx.server(free_port(), scene.site).replace("return 200", "return")
    said = nginx.refused(http, "voucher_zone 16m;" + stream)
    assert '"voucher_zone" is 16777216 octets here and 8388608 elsewhere' in said


def test_a_full_zone_is_said_once_and_serves_what_it_holds(site: Site, nginx: Nginx) -> None:
    first = site.scene.voucher(site.scene.birch)
    site.put(first)
    nginx.start("voucher_zone 1m;" + nginx.server(site.port, site.scene.site))
    assert site.served() == first
    for number in range(600):
        nginx.staples.voucher(site.scene.site, site.authority, first, f"-{number}")
    site.until(lambda: bool(nginx.voucher_log))
    assert "is full; new files are not served; see voucher_zone" in nginx.voucher_log[0]
    assert {site.served() for _ in range(12)} == {first}
    assert len(nginx.voucher_log) == 1
