"""An audit of the command: a site with good vouchers, and another authority that sees something else."""

import http.server
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.objects.report import Verdict, parse_report
from mecai.protocol.pki.identity import address_octets
from tests.directories import publisher, signed
from tests.integration.played_vas import Handle, Vas, answering
from tests.integration.town import site
from tests.integration.vouching import BIN
from tests.patience import SECONDS
from tests.scene import HOST, authority_entry, directory_of
from tests.unit.client.world import World

world = World()
ADDRESS = f"127.77.{os.getpid() % 250}.10"
NAMES = ("birch", "cedar")
VOUCHERS = {name: world.voucher(getattr(world, name), addresses=(address_octets(ADDRESS),)) for name in NAMES}
POLICY = """
directory = "{home}/directory.der"
publishers = "{home}/publishers.pem"
state = "{home}/state"
allowed_networks = ["127.0.0.0/8"]
candidates = 1
reporting = "always"
report_to = 1
"""
MISMATCH = answering(409, "application/problem+json", '{"type": "x/certificate-mismatch", "detail": "saw another"}')


@pytest.fixture
def vas(tmp_path: Path) -> Iterator[Vas]:
    """Play the servers of birch and of cedar, each below a path of its own."""
    vas = Vas(tmp_path)
    by = publisher("publisher")
    entries = [replace(authority_entry(getattr(world, name)), servers=(vas.server(path=f"/{name}"),)) for name in NAMES]
    alder = replace(authority_entry(world.alder), servers=())
    (tmp_path / "directory.der").write_bytes(signed(directory_of(alder, *entries, now=world.now), by))
    (tmp_path / "publishers.pem").write_bytes(by.pem)
    (tmp_path / "client.toml").write_text(POLICY.format(home=tmp_path))
    yield vas
    vas.close()


def audited(home: Path) -> subprocess.CompletedProcess[str]:
    """Get the page of a site that both authorities vouch for, and have it audited."""
    command = [str(BIN / "mecai"), "client", "get", f"https://{HOST}/", "--config", str(home / "client.toml")]
    command += ["--resolve", f"{HOST}:443:{ADDRESS}", "--audit", "--format", "json"]
    with site(world.site, "The real one?", encode_vouchers(list(VOUCHERS.values())), (ADDRESS, 443)):
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )


def by_path(vouchers: Handle | None) -> Handle:
    """Return what takes reports, and answers requests for vouchers: with a good one unless told otherwise."""

    def handle(handler: http.server.BaseHTTPRequestHandler) -> None:
        _, name, *rest = handler.path.split("/")
        if rest == ["v1", "reports"]:
            answering(200, "application/json", "{}")(handler)
        else:
            (vouchers or answering(200, "application/mecai-voucher", VOUCHERS[name]))(handler)

    return handle


def test_another_authority_that_disagrees_is_reported(vas: Vas, tmp_path: Path) -> None:
    vas.handle = by_path(MISMATCH)
    ran = audited(tmp_path)
    document = json.loads(ran.stdout)
    (candidate,) = (each["name"] for each in document["candidates"])
    (other,) = set(NAMES) - {candidate}
    assert (ran.returncode, document["verdict"], document["asked"]) == (0, "accepted", [])
    assert f"mecai: audit: {other} disagrees: certificate-mismatch" in ran.stderr
    asked, told = vas.requests
    assert (asked[0], told[0].endswith("/v1/reports")) == (f"/{other}/v1/vouchers", True)
    report = parse_report(told[1])
    assert (report.verdict, report.reason, report.port) == (Verdict.WARNED, "certificate-mismatch", 443)


def test_another_authority_that_agrees_is_a_line(vas: Vas, tmp_path: Path) -> None:
    vas.handle = by_path(None)
    ran = audited(tmp_path)
    (candidate,) = (each["name"] for each in json.loads(ran.stdout)["candidates"])
    (other,) = set(NAMES) - {candidate}
    assert (ran.returncode, ran.stderr) == (0, f"mecai: audit: {other} vouches as well\n")
    assert [path for path, _ in vas.requests] == [f"/{other}/v1/vouchers"]
