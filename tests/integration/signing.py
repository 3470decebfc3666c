"""A real signer for a real VAS, in a process of its own, and a way between both that the test has a say in."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from mecai.service.deadline import Deadline
from mecai.vas.signing.wire import Question, receive, send
from tests.integration.vouching import BIN, Authority
from tests.patience import SECONDS

CONFIG = """
key = "{home}/va.key.pem"
certificate = "{home}/va.pem"
root = "{home}/public/root.pem"
socket = "{socket}"
server = "{server}"
operator = "{operator}"
"""
# As systemd hands a socket over: the descriptor 3, and whose it is.
PASSED = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{descriptor}'


class SignerProcess:
    """`mecai vas signer` for an authority; `door` is a socket that stays open when it ends, as systemd keeps one."""

    def __init__(self, authority: Authority, path: Path, door: socket.socket | None = None, user: str = "0") -> None:
        self.config = authority.home / f"{path.stem}.toml"
        self.config.write_text(CONFIG.format(home=authority.home, socket=path, server=user, operator=user))
        self.log = authority.home / f"{path.stem}.log"
        self.path = path
        self._door = door
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it says that it listens."""
        command = [str(BIN / "mecai"), "vas", "signer", "--config", str(self.config)]
        if self._door is not None:
            script = PASSED.format(descriptor=self._door.fileno())
            command = ["bash", "-c", script, "bash", *command]
        with notified(self.path.parent) as (address, wait), self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | {"NOTIFY_SOCKET": address},
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[] if self._door is None else [self._door.fileno()],
            )
            wait()

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(SECONDS)

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def notified(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Listen as systemd does for a service that says that it is ready."""
    address = folder / f"notify-{threading.get_ident()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(address))
        listener.settimeout(SECONDS)
        try:
            yield str(address), lambda: _expect(listener)
        finally:
            address.unlink()


def _expect(listener: socket.socket) -> None:
    assert listener.recv(64) == b"READY=1"


class Way:
    """Stands between a server and its signer; each question passes `meet` first, which may wait, raise or kill."""

    def __init__(self, path: Path, behind: Path) -> None:
        self.meet: Callable[[Question], None] = lambda _question: None
        self._behind = behind
        self._door = listening(path)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let nobody through any more."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def cut(self) -> None:
        """End the connections that are open."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._door.accept()
                self._open.append(connection)
                threading.Thread(target=self._pass, args=(connection,), daemon=True).start()

    def _pass(self, connection: socket.socket) -> None:
        with connection, closing(socket.socket(socket.AF_UNIX)) as onward, suppress(OSError):
            onward.connect(str(self._behind))
            while True:
                body = receive(connection, Deadline(SECONDS))
                self.meet(Question.decode(body))
                send(onward, body, Deadline(SECONDS))
                send(connection, receive(onward, Deadline(SECONDS)), Deadline(SECONDS))


def listening(path: Path) -> socket.socket:
    """Open a Unix socket as systemd does for a socket unit."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen()
    return door
