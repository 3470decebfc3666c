"""VASs that take reports, each a process on loopback with a report key: what clients and other VAs tell is stored.

alder certifies the site that is told of and has no server; birch and cedar may have one.
"""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mecai.protocol.objects.authorities import Server
from tests.directories import directory, publisher, signed
from tests.integration.vouching import BIN, NOW, TLS, VAS_APPLICATION
from tests.patience import SECONDS
from tests.pki import DAY, Hierarchy, key
from tests.scene import authority_entry

ALDER, BIRCH, CEDAR = (Hierarchy(name, NOW) for name in ("alder", "birch", "cedar"))
SITE = ALDER.server("www.example.test")
CONFIG = """
key = "{home}/key.pem"
certificate = "{home}/certificate.pem"
root = "{home}/root.pem"
report_key = "{home}/report-key.pem"
database = "sqlite:///{home}/vas.sqlite"
trusted_proxies = 0
allowed_networks = ["127.0.0.0/8"]

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


def publish(folder: Path, running: Sequence[Running]) -> None:
    """Sign the directory of the three, in `folder`."""
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


def start(stack: ExitStack, vas: Running, folder: Path) -> None:
    """Start one behind its door, with its files in its home; `folder` has the directory."""
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
