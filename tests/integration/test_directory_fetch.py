"""A VAS fetches a directory from a real nginx over HTTPS, and from servers that are slow, false or broken (X2)."""

import http.server
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine

from mecai.errors import HostError, MecaiError
from mecai.net.web import Document
from mecai.protocol.limits import LIMITS
from mecai.service.deadline import Deadline
from mecai.vas.config import ContextSource
from mecai.vas.storage.database import migrate, open_database
from mecai.vas.storage.directories import DirectoryLog
from mecai.vas.trust.directories import Directories
from mecai.vas.trust.refresh import Refreshed, over_https, refresh
from tests.directories import PUBLISHER, directory, signed
from tests.integration.played_vas import NOW, TLS, Handle, Vas, answering
from tests.patience import SECONDS
from tests.pki import Hierarchy
from tests.ports import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
ALDER, BIRCH = Hierarchy("alder", NOW), Hierarchy("birch", NOW)
USUAL = directory(ALDER, BIRCH, issued=NOW)
SIGNED = signed(USUAL)

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def clock() -> datetime:
    return NOW


@dataclass(frozen=True)
class Site:
    """A publisher's web server: its folder and its port."""

    home: Path
    port: int

    def put(self, octets: bytes) -> None:
        """Serve these octets from now on, as of a later second: nginx makes an ETag of second and size."""
        new, served = self.home / "new", self.home / "www" / "directory.der"
        new.write_bytes(octets)
        if served.exists():
            os.utime(new, times=(0, int(served.stat().st_mtime) + 1))
        new.rename(served)

    def statuses(self, count: int) -> list[str]:
        """Return the status of each answer, of so many at least: nginx writes one when its client has it already."""
        log, deadline = self.home / "access.log", Deadline(SECONDS)
        while len(said := log.read_text().split()) < count:
            deadline.require()
        return said


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Run nginx below the roots of `TLS`, with the usual directory."""
    home = tmp_path / "publisher"
    (home / "www").mkdir(parents=True)
    identity = TLS.server("localhost")
    (home / "site.pem").write_bytes(identity.chain_pem + identity.key_pem)
    port = free_port()
    (home / "nginx.conf").write_text(
        f"user root; pid {home}/pid; error_log {home}/error.log; events {{}}\n"
        f"http {{ log_format status $status; access_log {home}/access.log status;\n"
        f"server {{ listen 127.0.0.1:{port} ssl; root {home}/www; ssl_certificate site.pem;"
        " ssl_certificate_key site.pem; location /moved { return 301 /directory.der; } } }\n"
    )
    command = [str(NGINX), "-p", str(home), "-c", "nginx.conf", "-e", f"{home}/error.log"]
    subprocess.run(command, check=True)
    found = Site(home, port)
    found.put(SIGNED)
    yield found
    subprocess.run([*command, "-s", "stop"], check=True)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give a database with its schema."""
    engine = open_database(f"sqlite:///{tmp_path}/vas.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def source(tmp_path: Path, site: Site) -> ContextSource:
    """Give the context whose publisher has the site."""
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    (tmp_path / "roots.pem").write_bytes(TLS.root.pem)
    url = f"https://localhost:{site.port}/directory.der"
    return ContextSource("MOZ", tmp_path / "publishers.pem", url=url, roots=tmp_path / "roots.pem")


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Vas]:
    """Give a web server whose answer the test gives."""
    server = Vas(tmp_path)
    yield server
    server.close()


def test_it_is_fetched_once_and_again_when_it_changed(site: Site, source: ContextSource, engine: Engine) -> None:
    log, directories = DirectoryLog(engine), Directories((source,), engine)
    assert refresh(source, log, clock) == Refreshed(USUAL, changed=True)
    assert refresh(source, log, clock) == Refreshed(USUAL, changed=False)
    assert directories.in_force(NOW) == (USUAL,)
    site.put(signed(newer := replace(USUAL, sequence=2)))
    assert refresh(source, log, clock) == Refreshed(newer, changed=True)
    assert directories.in_force(NOW) == (newer,)
    assert site.statuses(3) == ["200", "304", "200"]


def test_roots_that_were_not_given_are_the_hosts_own(
    source: ContextSource, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert source.roots
    monkeypatch.setenv("SSL_CERT_FILE", str(source.roots))
    assert refresh(replace(source, roots=None), DirectoryLog(engine), clock).changed
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    with pytest.raises(HostError, match="its certificate is not trusted"):
        refresh(replace(source, roots=None), DirectoryLog(engine), clock)


@pytest.mark.parametrize(
    ("path", "host", "why"),
    [
        ("/none.der", "localhost", "answered 404 Not Found, expected 200"),
        ("/moved", "localhost", "answered 301 Moved Permanently, expected 200"),
        ("/directory.der", "127.0.0.1", "its certificate is not trusted .*IP address mismatch"),
    ],
)
def test_another_answer_is_no_directory(
    site: Site, source: ContextSource, engine: Engine, *, path: str, host: str, why: str
) -> None:
    with pytest.raises(HostError, match=why):
        refresh(replace(source, url=f"https://{host}:{site.port}{path}"), DirectoryLog(engine), clock)


def test_a_server_below_another_root_is_not_believed(source: ContextSource, engine: Engine) -> None:
    assert source.roots
    refresh(source, DirectoryLog(engine), clock)
    source.roots.write_bytes(Hierarchy("stranger", NOW).root.pem)
    with pytest.raises(HostError, match="its certificate is not trusted"):
        refresh(source, DirectoryLog(engine), clock)
    assert Directories((source,), engine).in_force(NOW) == (USUAL,)


def test_one_that_is_too_large_is_not_read_to_its_end(site: Site, source: ContextSource, engine: Engine) -> None:
    site.put(bytes(LIMITS.directory_size + 1))
    with pytest.raises(HostError, match=f"answered more than the {LIMITS.directory_size} octets"):
        refresh(source, DirectoryLog(engine), clock)


def cut(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Announce more octets than come."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(SIGNED)))
    handler.end_headers()
    handler.wfile.write(SIGNED[:-1])


def stall(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Send a part, then nothing until the client goes."""
    cut(handler)
    handler.wfile.flush()
    handler.rfile.read(1)


@pytest.mark.parametrize(
    ("handle", "why"),
    [
        (cut, "IncompleteRead"),
        (stall, "timed out"),
        (answering(200, "text/html", "<p>Welcome to this hotel</p>"), "malformed"),
        (answering(200, "application/octet-stream", signed(replace(USUAL, context="ALT"))), "is for context ALT"),
        (answering(304, "application/octet-stream", b""), "answered 304"),
    ],
    ids=["truncated", "stalled", "something else", "another context", "unchanged, though nothing was there"],
)
def test_a_broken_server_is_noted_within_bounds(
    played: Vas, source: ContextSource, engine: Engine, monkeypatch: pytest.MonkeyPatch, *, handle: Handle, why: str
) -> None:
    monkeypatch.setattr("mecai.vas.trust.refresh.SECONDS", 2.0 if handle is stall else SECONDS)
    played.handle = handle
    url = f"{played.server().url}/directory.der"
    with pytest.raises(MecaiError, match=why):
        refresh(replace(source, url=url), DirectoryLog(engine), clock)
    found = DirectoryLog(engine).fetched("MOZ")
    assert (found.octets, found.failed) == (None, NOW)
    assert why in str(found.failure)


def test_an_etag_that_could_not_be_sent_back_is_forgotten(played: Vas, source: ContextSource, engine: Engine) -> None:
    played.handle = answering(200, "application/octet-stream", SIGNED, ETag='"' + "x" * 300 + '"')
    refresh(replace(source, url=played.server().url), DirectoryLog(engine), clock)
    assert DirectoryLog(engine).fetched("MOZ").etag == ""


def test_two_processes_that_fetch_at_once_leave_one_directory(
    tmp_path: Path, source: ContextSource, engine: Engine
) -> None:
    """Both have the octets before either keeps them; each has a connection to the database of its own."""
    barrier = Barrier(2, timeout=SECONDS)

    def meet(source: ContextSource, etag: str) -> Document | None:
        found = over_https(source, etag)
        barrier.wait()
        return found

    def once(_: int) -> Refreshed:
        own = open_database(f"sqlite:///{tmp_path}/vas.sqlite")
        try:
            return refresh(source, DirectoryLog(own), clock, meet)
        finally:
            own.dispose()

    with ThreadPoolExecutor(2) as pool:
        assert [found.directory for found in pool.map(once, range(2))] == [USUAL, USUAL]
    found = DirectoryLog(engine).fetched("MOZ")
    assert (found.octets, found.failed) == (SIGNED, None)
