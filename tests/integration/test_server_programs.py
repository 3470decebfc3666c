"""The usual Python servers over `mecai.server`, each met by several clients and by a change of files."""

import asyncio
import http.client
import http.server
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mecai.client import ClientPolicy, Outcome, VoucherContext, VoucherSocket
from mecai.server import StaplingContext
from tests.integration.nginx_module.tls import TLS12, TLS13, ask
from tests.serving import serving
from tests.unit.client.world import LOOPBACK
from tests.unit.server.shelf import IDS, Shelf, asking, load, vouched, world

KEY, PAGE, SECONDS = bytes(32), b"<p>stapled</p>", 60.0
NAMES = ("birch", "cedar", "dogwood")
Serve = Callable[[Path, Shelf], Any]


@contextmanager
def by_http_server(folder: Path, shelf: Shelf) -> Iterator[int]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    context = load(StaplingContext(shelf.path), folder, world.site)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.server_port


@contextmanager
def by_asyncio(folder: Path, shelf: Shelf) -> Iterator[int]:
    context = load(StaplingContext(shelf.path), folder, world.site)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    said = SimpleNamespace(port=0)

    talks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        if await reader.readline():
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + PAGE)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        said.port, said.stop = server.sockets[0].getsockname()[1], asyncio.Event()
        ready.set()
        async with server:
            await said.stop.wait()
            await asyncio.gather(*filter(None, talks))  # or the loop ends first, and sockets are left

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert ready.wait(SECONDS)
    try:
        yield said.port
    finally:
        loop.call_soon_threadsafe(said.stop.set)
        thread.join()
        loop.close()


def by_gunicorn(folder: Path, shelf: Shelf) -> Any:
    (folder / "page.py").write_text(f"def app(_, start):\n    start('200 OK', [])\n    return [{PAGE!r}]\n")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(world.site.chain_pem)
    key.write_bytes(world.site.key_pem)
    words = ("--config", "python:mecai.server.gunicorn_settings", "--certfile", str(chain), "--keyfile", str(key))
    more = (
        "--bind",
        "127.0.0.1:0",
        "--worker-class",
        "gthread",
        "--no-control-socket",
        "--chdir",
        str(folder),
        "page:app",
    )
    return running([sys.executable, "-m", "gunicorn", *words, *more], shelf, r"Listening at: https://127.0.0.1:(\d+)")


def by_uvicorn(folder: Path, shelf: Shelf) -> Any:
    chain = folder / "chain.pem"
    chain.write_bytes(world.site.chain_pem + world.site.key_pem)
    program = f"""
        import pathlib, uvicorn
        from mecai.server import StaplingContext

        async def app(scope, receive, send):
            await send({{"type": "http.response.start", "status": 200, "headers": []}})
            await send({{"type": "http.response.body", "body": {PAGE!r}}})

        def context(config, default):
            made = StaplingContext(pathlib.Path({str(shelf.path)!r}))
            made.load_cert_chain({str(chain)!r})
            return made

        uvicorn.run(app, host="127.0.0.1", port=0, lifespan="off", ssl_context_factory=context)
    """
    return running([sys.executable, "-c", textwrap.dedent(program)], shelf, r"running on https://127.0.0.1:(\d+)")


@contextmanager
def running(command: list[str], shelf: Shelf, listening: str) -> Iterator[int]:
    """Run a server as a process of its own; yields the port that it says."""
    environment = {**os.environ, "MECAI_STAPLES": str(shelf.path), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        try:
            said = next(found for line in server.stderr if (found := re.search(listening, line)))
            threading.Thread(target=server.stderr.read, daemon=True).start()
            yield int(said[1])
        finally:
            server.terminate()


PROGRAMS: dict[str, Serve] = {
    "http.server": by_http_server,
    "asyncio": by_asyncio,
    "gunicorn": by_gunicorn,
    "uvicorn": by_uvicorn,
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    shelf = Shelf(tmp_path_factory.mktemp("store") / "staples")
    for name in NAMES:
        shelf.put(name)
    shelf.put_ocsp()
    return shelf


@pytest.fixture(scope="module", params=PROGRAMS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> Iterator[int]:
    """Port of each program."""
    with PROGRAMS[request.param](tmp_path_factory.mktemp("server"), shelf) as port:
        yield port


def test_the_projects_client_accepts(port: int) -> None:
    context = VoucherContext(ClientPolicy(profile="strict"), world.directory, KEY)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=SECONDS)
    connection.request("GET", "/")
    sock = connection.sock
    assert isinstance(sock, VoucherSocket)
    assert sock.verdict is not None
    assert (sock.verdict.outcome, len(sock.verdict.vouched)) == (Outcome.ACCEPTED, 2)
    assert sock.verdict.facts.staple == world.staple
    assert connection.getresponse().read() == PAGE
    connection.close()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_sees_the_ocsp_staple(port: int, version: str) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-status", version]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert "OCSP Response Status: successful (0x0)" in done.stdout
    assert "Cert Status: good" in done.stdout


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_another_implementation_reads_the_answer(port: int, version: tuple[int, int]) -> None:
    request = list(asking("cedar").values())[1]
    answer = ask(port, request, version=version)
    assert (answer.vouchers, answer.elsewhere) == ((vouched("cedar"),), 0)


def test_a_file_that_changes_is_noticed_without_a_restart(port: int, shelf: Shelf) -> None:
    request, end = list(asking("dogwood").values())[1], time.monotonic() + SECONDS
    for der in (world.voucher(world.dogwood, serial_number=7, addresses=LOOPBACK), vouched("dogwood")):
        shelf.put("dogwood", der)
        while ask(port, request).vouchers != (der,):  # a handshake at a time: it looks once a second
            assert time.monotonic() < end


def test_a_socket_knows_the_address_that_goes_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "staples")
    here = shelf.put("birch").rename(shelf.folder / f"{IDS['birch'].hex()}-here.voucher")
    shelf.put("birch", world.voucher(world.birch)).rename(shelf.folder / f"{IDS['birch'].hex()}-another.voucher")
    with by_http_server(tmp_path, shelf) as port:
        assert ask(port, list(asking("birch").values())[1]).vouchers == (here.read_bytes(),)
