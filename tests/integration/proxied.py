"""`mecai client proxy` as a process, on loopback, before sites that test files serve.

It is started as a person starts it, but that every name leads to 127.0.0.1 (`sitecustomize`), as a resolver's answer
would: the sites of these tests have names.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.patience import SECONDS

_EVERY_NAME_IS_LOOPBACK: Final = """\
import socket
socket.getaddrinfo = lambda _host, port, *_more, **_hints: [
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 0))
]
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its port, its authority's certificate, and what it has said."""

    port: int
    authority: Path
    log: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def curl(self, url: str, *more: str, user: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Fetch a URL through it, trusting its authority alone; perhaps as another user."""
        words = ("--silent", "--show-error", "--max-time", str(SECONDS), "--proxy", self.url)
        command = ["curl", *words, "--cacert", str(self.authority), *more, url]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env={}, user=user)

    def says(self, words: str) -> bool:
        """Tell whether it says some words in its log, sooner or later."""
        end = time.monotonic() + SECONDS
        while words not in self.log.read_text():
            if time.monotonic() > end:
                return False
            threading.Event().wait(0.02)
        return True


@contextmanager
def proxy(folder: Path, config: Path, ports: tuple[int, ...], *more: str) -> Iterator[Proxy]:
    """Run it with a configuration, and let it lead to some ports besides 443; `folder` is its own."""
    (folder / "sitecustomize.py").write_text(_EVERY_NAME_IS_LOOPBACK)
    to = (word for port in ports for word in ("--to-port", str(port)))
    command = [
        sys.executable,
        "-c",
        "from mecai.cli.main import main; main()",
        "client",
        "proxy",
        "--config",
        str(config),
    ]
    log = folder / "proxy.log"
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with log.open("wb") as output:
        running = subprocess.Popen(
            [*command, "--port", "0", *to, *more],
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True,
        )  # fmt: skip
    try:
        assert running.stdout
        first, second = running.stdout.readline(), running.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        assert found, first + log.read_text()
        yield Proxy(int(found[1]), Path(second.split()[1].rstrip(",")), log)
    finally:
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=SECONDS)
        log.write_text(log.read_text() + said)
    assert running.returncode == 0, log.read_text()
