"""The staple directory in memory, read anew by a thread: no handshake touches a file.

A handshake may run on an event loop, where a slow disk would keep every other connection waiting, and its moment is a
client's choice. So the folder of a certificate is read when the certificate is loaded, before the first connection, and
then once a second by a thread of its own in each process that serves (ADR 0015).
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from weakref import ref

from mecai.protocol.pki.identity import certificate_hash
from mecai.server.folder import Folder

LOG = logging.getLogger(__name__)

DEFAULT: Final = Path("/var/lib/mecai-sidecar/staples")
SECONDS: Final = 1.0  # between two looks
MOST_CERTIFICATES: Final = 10_000  # that are looked after; a server that shows more staples for the first


class StapleDirectory:
    """What may be stapled, by certificate; may be shared by several contexts."""

    def __init__(self, path: Path = DEFAULT, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self.clock = path, clock
        self._folders: dict[bytes, Folder] = {}
        self._reading = threading.Lock()
        self._served_by: int | None = None

    def add(self, certificate: bytes) -> None:
        """Look after a certificate (DER) from now on, and read its folder; this may wait for the disk."""
        folder = self._folders.get(certificate_hash(certificate)) or self._known(certificate)
        if folder:
            with self._reading:
                folder.refresh(self.clock())

    def find(self, certificate: bytes) -> Folder | None:
        """Return what is in memory for a certificate (DER); one that is shown for the first time is empty."""
        return self._folders.get(certificate_hash(certificate)) or self._known(certificate)

    def refresh(self) -> None:
        """Read what has changed."""
        with self._reading:
            for folder in tuple(self._folders.values()):
                folder.refresh(self.clock())

    def serve(self) -> None:
        """Read anew each second, in this process; a child that was forked begins with its own first connection."""
        if self._served_by != os.getpid():
            self._served_by = os.getpid()
            self._reading = threading.Lock()  # another thread of the parent's may have held it
            _start(ref(self))

    def _known(self, certificate: bytes) -> Folder | None:
        if len(self._folders) >= MOST_CERTIFICATES:
            return None
        return self._folders.setdefault(certificate_hash(certificate), Folder(self._path, certificate))


def _start(directory: "ref[StapleDirectory]") -> None:
    """Start the thread. It takes no signal: whoever waits for one that is blocked would otherwise miss it."""
    thread = threading.Thread(target=_read_on, args=(directory,), name="staples", daemon=True)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _read_on(directory: "ref[StapleDirectory]") -> None:
    """Go on for as long as somebody uses the directory."""
    pause = threading.Event()
    while (found := directory()) is not None:
        try:
            found.refresh()
        except Exception:
            LOG.exception("staples were not read, by a fault of this program")
        del found
        pause.wait(SECONDS)
