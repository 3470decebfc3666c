"""The part of systemd: what has ended is started again (`Restart=`), with all that belonged to it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

PAUSE: Final = 0.1  # seconds before it is started again (RestartSec=)
SECONDS: Final = 60.0  # that a service has to end


@dataclass(frozen=True)
class Service:
    """A program, what it is given, and where its output goes; `user` is who runs it."""

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    doors: Sequence[int] = ()  # descriptors of listening sockets: who comes meanwhile waits
    user: str | None = None


class Supervisor:
    """Services by name, each a session of its own; the end of `with` ends them."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._watchers: list[threading.Thread] = []
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self.restarts: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._running)):
            self.end(name)
        for watcher in self._watchers:
            watcher.join(SECONDS)

    def start(self, name: str, service: Service) -> None:
        """Start a service, and again whenever it has ended."""
        self.restarts[name] = -1
        self._begin(name, service)
        self._watchers.append(threading.Thread(target=self._watch, args=(name, service), daemon=True))
        self._watchers[-1].start()

    def kill(self, name: str) -> None:
        """Kill a service and all of its processes (kill -9)."""
        os.killpg(self._running[name].pid, signal.SIGKILL)

    def kill_child(self, name: str) -> None:
        """Kill a child of a service, such as gunicorn's worker (kill -9)."""
        pid = self._running[name].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        os.kill(int(children[0]), signal.SIGKILL)

    def end(self, name: str) -> None:
        """End a service for good, as `systemctl stop` does."""
        with self._lock:
            self._ended.add(name)
            process = self._running[name]
        process.terminate()
        process.wait(SECONDS)

    def _begin(self, name: str, service: Service) -> None:
        with self._lock, service.log.open("ab") as log:
            if name in self._ended:
                return
            self._running[name] = subprocess.Popen(
                service.command,
                env=service.environment,
                pass_fds=service.doors,
                user=service.user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.restarts[name] += 1

    def _watch(self, name: str, service: Service) -> None:
        while name not in self._ended:
            self._running[name].wait()
            time.sleep(PAUSE)  # as systemd does before it starts a service anew
            self._begin(name, service)
