"""Whether a person agrees: on a terminal the command asks, and what nobody takes is said (`reporting = "ask"`)."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.protocol.objects.report import parse_report
from tests.directories import publisher, signed
from tests.integration.played_vas import Vas, answering
from tests.integration.tls_server import TlsServer
from tests.integration.vouching import BIN
from tests.patience import SECONDS
from tests.scene import HOST, authority_entry, directory_of
from tests.unit.client.world import World

world = World()
TAKEN = answering(200, "application/json", "{}")
POLICY = """
directory = "{home}/directory.der"
publishers = "{home}/publishers.pem"
state = "{home}/state"
allowed_networks = ["127.0.0.0/8"]
reporting = "ask"
report_to = 1
"""


@pytest.fixture
def vas(tmp_path: Path) -> Iterator[Vas]:
    """Play the one authority that has a server, and write a client's files."""
    vas = Vas(tmp_path)
    vas.handle = TAKEN
    by = publisher("publisher")
    entries = (replace(authority_entry(world.alder), servers=()), authority_entry(world.birch))
    entries = (entries[0], replace(entries[1], servers=(vas.server(),)))
    (tmp_path / "directory.der").write_bytes(signed(directory_of(*entries, now=world.now), by))
    (tmp_path / "publishers.pem").write_bytes(by.pem)
    (tmp_path / "client.toml").write_text(POLICY.format(home=tmp_path))
    yield vas
    vas.close()


def mecai(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `mecai client` with no terminal."""
    command = [str(BIN / "mecai"), "client", *words, "--config", str(home / "client.toml")]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def refused_at_a_terminal(home: Path, typed: bytes) -> str:
    """Go to a server without vouchers, and type what is to be typed; returns what stood on the terminal."""
    ours, theirs = pty.openpty()
    try:
        with TlsServer([world.site]) as bare:
            url, place = f"https://{HOST}:{bare.port}/", f"{HOST}:{bare.port}:127.0.0.1"
            command = [str(BIN / "mecai"), "client", "get", url, "--resolve", place]
            command += ["--config", str(home / "client.toml")]
            with subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs) as program:
                os.write(ours, typed)
                assert program.wait(SECONDS) == 1
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_yes_sends_it(vas: Vas, tmp_path: Path) -> None:
    assert "Report to Voucher Authorities what was shown" in refused_at_a_terminal(tmp_path, b"y\n")
    ((path, body),) = vas.requests
    assert (path, parse_report(body).reason) == ("/v1/reports", "no-voucher")


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04"], ids=["no", "nothing", "end of file"])
def test_anything_else_forgets_it(typed: bytes, vas: Vas, tmp_path: Path) -> None:
    refused_at_a_terminal(tmp_path, typed)
    assert vas.requests == []
    assert mecai(tmp_path, "reports", "list").stdout == "no reports\n"


def test_what_is_listed_sent_and_refused(vas: Vas, tmp_path: Path) -> None:
    with TlsServer([world.site]) as bare:
        place = f"{HOST}:{bare.port}"
        refused = mecai(tmp_path, "get", f"https://{place}/", "--resolve", f"{place}:127.0.0.1", "--format", "json")
    name = refused.stderr.split()[-1]
    assert refused.stderr == f"mecai: a report waits for your word: mecai client reports send {name}\n"
    shown = mecai(tmp_path, "reports", "list").stdout.splitlines()
    assert shown[0].split() == ["report", "time", "reason", "state"]
    assert (shown[1].split()[0], shown[1].split()[2:]) == (name, ["no-voucher", "asks", "you"])
    assert f"{place}" in " ".join(shown[2:])
    assert "birch: not told yet" in " ".join(shown[2:])
    vas.handle = answering(503, "application/problem+json", '{"type": "x/overloaded", "detail": "later"}')
    sent = mecai(tmp_path, "reports", "send", name)
    assert (sent.returncode, sent.stdout.startswith(f"{name}  birch  https://127.0.0.1")) == (3, True)
    assert "overloaded: later" in mecai(tmp_path, "reports", "list").stdout
    vas.handle = TAKEN
    again = mecai(tmp_path, "reports", "send")
    assert (again.returncode, again.stdout) == (0, f"{name}  birch  taken\n")
    (kept,) = json.loads(mecai(tmp_path, "reports", "list", "--format", "json").stdout)
    assert (kept["held"], kept["deliveries"][0]["said"]) == (False, "taken")
    unknown = mecai(tmp_path, "reports", "send", "0123")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
