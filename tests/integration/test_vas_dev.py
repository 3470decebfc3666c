"""`mecai vas serve --dev`: one command, and a voucher that a client accepts; nothing that others could reach."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.protocol.objects.request import VoucherRequest
from tests.integration.vouching import BIN, run
from tests.patience import SECONDS
from tests.ports import network

SITE = f"{network('127.78')}.1"


@contextmanager
def served(home: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Run a node at a port that is free; give its URL, and all that it said before it served."""
    command = [str(BIN / "mecai"), "vas", "serve", "--dev", "--listen", "127.0.0.1:0", "--home", str(home), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        said = ""
        try:
            while "mecai voucher verify" not in said:
                line = node.stdout.readline()
                assert line, said
                said += line
            (url,) = set(re.findall(r"http://127\.0\.0\.1:\d+", said))
            yield url, said
        finally:
            node.terminate()


@contextmanager
def site(home: Path) -> Iterator[None]:
    """Show the site's certificate, as the node says, but at an address of this test's own."""
    chain, key = home / "site" / "server.pem", home / "site" / "server.key.pem"
    command = ["openssl", "s_server", "-accept", f"{SITE}:443", "-cert", chain, "-key", key, "-cert_chain", chain]
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            assert any(line == b"ACCEPT\n" for line in server.stdout), "run the integration tests as root"
            yield
        finally:
            server.terminate()


def ask(url: str, request: Path, out: Path) -> str:
    """Ask as the node says; return the HTTP status."""
    kind = "Content-Type: application/mecai-voucher-request"
    body = f"@{request}"
    return run("curl", "-s", "-o", out, "-w", "%{http_code}", "-H", kind, "--data-binary", body, f"{url}/v1/vouchers")


def request_for_the_test(home: Path) -> Path:
    asked = VoucherRequest.decode((home / "request.der").read_bytes())
    assert (asked.addresses, asked.port) == ((socket.inet_aton("127.0.0.1"),), 443)
    path = home / "test.der"
    path.write_bytes(replace(asked, addresses=(socket.inet_aton(SITE),)).encode())
    return path


def test_a_voucher_in_a_few_lines(tmp_path: Path) -> None:
    home = tmp_path / "node"
    with served(home, "--hold", "0") as (url, said), site(home):
        assert json.loads(run("curl", "-s", f"{url}/readyz")) == {"status": "ready"}
        assert ask(url, request_for_the_test(home), tmp_path / "voucher") == "200"
    assert f"{url}/v1/vouchers" in said
    trusted = ("--directory", home / "directory.der", "--publishers", home / "publisher.pem")
    shown = ("--chain", home / "site" / "server.pem", "--address", SITE)
    verdict = run(BIN / "mecai", "voucher", "verify", tmp_path / "voucher", *shown, *trusted)
    assert f"dev-notary vouches for {SITE}" in verdict
    logged = json.loads(run(BIN / "mecai", "vas", "log", "--config", home / "vas.toml", "--format", "json"))
    assert [each["vouchers"] for each in logged] == [1]
    assert "site" in run(BIN / "mecai", "ca", "list", "--config", home / "site" / "ca.toml")


def test_the_hold_lasts_seconds(tmp_path: Path) -> None:
    home = tmp_path / "node"
    with served(home, "--hold", "7") as (url, said), site(home):
        assert json.loads(run("curl", "-s", f"{url}/v1/authority"))["hold"] == 7
        assert ask(url, request_for_the_test(home), tmp_path / "answer") == "202"
    assert "the hold lasts 7 s" in said


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--dev", "--listen", "0.0.0.0:8000"], 2, "--listen: 0.0.0.0 is not of loopback; a node with throwaway"),
        (["--dev", "--listen", "[::]:8000"], 2, "--listen: :: is not of loopback"),
        (["--dev", "--listen", "192.0.2.1:8000"], 2, "--listen: 192.0.2.1 is not of loopback"),
        (["--dev", "--listen", "localhost:8000"], 2, "--listen: 'localhost:8000' is no ADDRESS:PORT"),
        (["--dev", "--listen", "127.0.0.1:65536"], 2, "--listen: 65536 is no port"),
        (["--dev", "--home", "/"], 2, "--home: / is not empty; name another folder, or none"),
        ([], 2, "serve: is for developers, with --dev; a server is run by gunicorn 'mecai.vas.http.app:create_app()'"),
    ],
)
def test_what_it_refuses(options: list[str], code: int, line: str) -> None:
    refuses(code, line, *options)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        refuses(
            3, "cannot be opened (Address already in use)", "--dev", "--listen", taken, "--home", str(tmp_path / "n")
        )
    assert not (tmp_path / "n").exists()


def refuses(code: int, line: str, *options: str) -> None:
    command = [str(BIN / "mecai"), "vas", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("mecai: ")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
