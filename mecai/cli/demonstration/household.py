"""The processes of the demonstration: started, waited for, and ended with it, whatever ends it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mecai.errors import HostError

SECONDS: Final = 30.0  # that something may take to be ready, on a busy machine
PAUSE: Final = 0.05  # seconds between two questions
GRACE: Final = 3.0  # seconds to end in
_GUNICORN: Final = ("gunicorn", "--no-control-socket", "--worker-class", "gthread", "--threads", "16")


class Household:
    """Programs by name, each on the leash of this process; their logs are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._leash, self._held = (
            os.pipe()
        )  # whoever has the first learns when this process, which has the second, ends

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all of them."""
        os.close(self._held)
        for program in self._running.values():
            program.terminate()
        end = time.monotonic() + GRACE
        for program in self._running.values():
            try:
                program.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        os.close(self._leash)

    def serve(self, name: str, door: socket.socket, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Let gunicorn serve at an open door."""
        more = ("--graceful-timeout", "1", "--bind", f"fd://{door.fileno()}")
        self.run(name, (*_GUNICORN, *more, *words), environment, door.fileno())

    def run(self, name: str, words: tuple[str, ...], environment: Mapping[str, str], *descriptors: int) -> None:
        """Start a module with its arguments."""
        command = [sys.executable, "-m", "mecai.cli.demonstration.leash", str(self._leash), *words]
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._leash, *descriptors),
                start_new_session=True,  # Ctrl-C is for this process, which ends them in its own time
            )

    def wait_until(self, what: str, ready: Callable[[], bool]) -> None:
        """Ask until something is ready; raises `HostError` where a program has ended, or the time is over."""
        end = time.monotonic() + SECONDS
        while True:
            with suppress(OSError):
                if ready():
                    return
            self.require_all()
            if time.monotonic() > end:
                raise HostError(f"{what}: not ready within {SECONDS:.0f} s; see the logs in {self._folder}")
            threading.Event().wait(PAUSE)

    def require_all(self) -> None:
        """Raise `HostError` if one of them has ended."""
        for name, program in self._running.items():
            if program.poll() is not None:
                log = self._folder / f"{name}.log"
                last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise HostError(f"{name}: has ended with {program.returncode}: {last[0]} ({log})")
