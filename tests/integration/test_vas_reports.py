"""Two VASs, told by curl, and what gets from one to the other: reports and incident notices (docs/spec F1 to F8)."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mecai.protocol.objects.authorities import Server
from mecai.protocol.objects.entries import encode_certificate
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import hash_of, spki_hash
from tests.directories import directory, publisher, signed
from tests.integration.vouching import BIN, NOW, TLS, VAS_APPLICATION
from tests.patience import SECONDS
from tests.pki import DAY, Hierarchy, key
from tests.scene import authority_entry

ALDER, BIRCH, CEDAR = (Hierarchy(name, NOW) for name in ("alder", "birch", "cedar"))
SITE = ALDER.server("www.example.test")
REPORT = Report(SITE.chain, bytes([1, 1, 1, 1]), 443, NOW, Verdict.REFUSED, "no-voucher", "it looked odd")
CONFIG = """
key = "{home}/key.pem"
certificate = "{home}/certificate.pem"
root = "{home}/root.pem"
report_key = "{home}/report-key.pem"
database = "sqlite:///{home}/vas.sqlite"
trusted_proxies = 0

[[directory]]
context = "MOZ"
publishers = "{publishers}"
path = "{directory}"
"""


@dataclass(frozen=True)
class Running:
    """A VAS that listens, with its operator's commands."""

    ca: Hierarchy
    home: Path
    door: socket.socket

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"https://127.0.0.1:{self.door.getsockname()[1]}"

    def operate(self, *words: str) -> str:
        """Run a command of its operator."""
        command = [str(BIN / "mecai"), "vas", *words, "--config", str(self.home / "vas.toml")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def curl(self, path: str, *words: str) -> Any:
        """Speak with it."""
        command = ["curl", "--silent", "--show-error", "--fail-with-body", "--cacert", str(self.home / "tls-root.pem")]
        ran = subprocess.run([*command, *words, self.url + path], capture_output=True, check=False, timeout=SECONDS)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)


@pytest.fixture
def vass(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """Run the VASs of birch and of cedar."""
    with ExitStack() as stack:
        running = []
        for ca in (BIRCH, CEDAR):
            home = tmp_path / ca.name
            home.mkdir()
            running.append(Running(ca, home, stack.enter_context(socket.create_server(("127.0.0.1", 0)))))
        _publish(tmp_path, running)
        for each in running:
            _start(stack, each, tmp_path)
        yield running[0], running[1]


def _publish(folder: Path, running: list[Running]) -> None:
    by = publisher("publisher")
    (folder / "publishers.pem").write_bytes(by.pem)
    entries = [authority_entry(ALDER)]
    for each in running:
        spki = key(f"{each.ca.name} reports").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        servers = (Server(each.url, (TLS.root.certificate,)),)
        entries.append(replace(authority_entry(each.ca), servers=servers, report_key=spki))
    # alder has no server: nobody is told there
    content = directory(replace(entries[0], servers=()), *entries[1:], issued=NOW, expires=NOW + 7 * DAY)
    (folder / "directory.der").write_bytes(signed(content, by))


def _start(stack: ExitStack, vas: Running, folder: Path) -> None:
    site = TLS.server("127.0.0.1")
    files = {
        "key.pem": vas.ca.voucher.key_pem,
        "certificate.pem": vas.ca.voucher.pem,
        "root.pem": vas.ca.root.pem,
        "report-key.pem": replace(SITE, key=key(f"{vas.ca.name} reports")).key_pem,
        "tls.pem": site.chain_pem,
        "tls-key.pem": site.key_pem,
        "tls-root.pem": TLS.root.pem,
        "vas.toml": CONFIG.format(
            home=vas.home, publishers=folder / "publishers.pem", directory=folder / "directory.der"
        ).encode(),
    }
    for name, octets in files.items():
        (vas.home / name).touch(0o600)
        (vas.home / name).write_bytes(octets)
    vas.operate("migrate")
    command = [str(BIN / "gunicorn"), "--worker-class", "gthread", "--threads", "16", "--no-control-socket"]
    command += ["--certfile", str(vas.home / "tls.pem"), "--keyfile", str(vas.home / "tls-key.pem")]
    command += ["--bind", f"fd://{vas.door.fileno()}", VAS_APPLICATION]
    environment = os.environ | {"MECAI_VAS_CONFIG": str(vas.home / "vas.toml")}
    with (vas.home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, pass_fds=[vas.door.fileno()], stdout=log, stderr=log)
    stack.callback(server.wait, SECONDS)
    stack.callback(server.terminate)


def test_what_a_client_tells_one_va_the_other_knows(vass: tuple[Running, Running]) -> None:
    birch, cedar = vass
    told = json.dumps(REPORT.members() | {"text": REPORT.text})
    for _ in range(2):
        receipt = birch.curl("/v1/reports", "--json", told)
    assert receipt == {
        "certificate": hash_of(SITE.certificate).hex(),
        "address": "1.1.1.1",
        "day": f"{NOW:%Y-%m-%d}",
    }
    assert birch.operate("work", "--once") == "2 messages taken from the outbox\n"  # one for all, one for cedar
    (seen,) = cedar.curl("/v1/reports")["reports"]
    (public,) = birch.curl("/v1/reports")["reports"]
    assert seen == public | {"received": seen["received"]}
    assert (seen["reason"], seen["chain"]) == ("no-voucher", [encode_certificate(each) for each in SITE.chain])
    (kept,) = json.loads(cedar.operate("reports", "--format", "json"))
    assert (kept["reporter"], kept["text"], kept["authority"]) == (
        None,
        None,
        spki_hash(BIRCH.root.certificate)[:8].hex(),
    )
    assert cedar.operate("work", "--once") == "0 messages taken from the outbox\n"  # it goes no further


def test_a_notice_of_one_va_becomes_the_others_refusal(vass: tuple[Running, Running]) -> None:
    birch, cedar = vass
    key_of_alder = spki_hash(ALDER.root.certificate).hex()
    name = (
        birch.operate("incident", "send", "--ca", key_of_alder, "--reason", "its key was stolen").split()[1].rstrip(":")
    )
    birch.operate("work", "--once")
    assert json.loads(cedar.operate("distrust", "list", "--format", "json")) == []
    (notice,) = json.loads(cedar.operate("incident", "list", "--format", "json"))
    assert (notice["notice"], notice["subject"], notice["reason"]) == (name, key_of_alder, "its key was stolen")
    cedar.operate("distrust", "adopt", name)
    (refused,) = json.loads(cedar.operate("distrust", "list", "--format", "json"))
    assert (refused["spki"], refused["reason"]) == (key_of_alder, "its key was stolen")
    assert name in refused["by"]
