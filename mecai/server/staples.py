"""The staple directory in memory, read anew by a thread: no handshake touches a file.

A handshake may run on an event loop, where a slow disk would keep every other connection waiting, and its moment is a
client's choice. So the folder of a certificate is read when the certificate is loaded, before the first connection, and
then once a second by a thread of its own in each process that serves (ADR 0015).
"""

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from weakref import WeakSet, ref

from mecai.protocol.pki.identity import certificate_hash
from mecai.server.folder import Folder
from mecai.service.background import start_without_signals

LOG = logging.getLogger(__name__)

DEFAULT: Final = Path("/var/lib/mecai-sidecar/staples")
SECONDS: Final = 1.0  # between two looks
MOST_CERTIFICATES: Final = 10_000  # that are looked after; a server that shows more staples for the first


class StapleDirectory:
    """What may be stapled, by certificate; may be shared by several contexts."""

    def __init__(self, path: Path = DEFAULT, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self.clock = path, clock
        self._folders: dict[bytes, Folder] = {}
        self._served_by: int | None = None
        self.begin_anew()
        _DIRECTORIES.add(self)

    def begin_anew(self) -> None:
        """Have free locks, as the child of a fork must: a thread of its parent's may have held them."""
        self._reading, self._starting = threading.Lock(), threading.Lock()

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
        if self._served_by == os.getpid():
            return
        with self._starting:
            if self._served_by != os.getpid():
                thread = threading.Thread(target=_read_on, args=(ref(self),), name="staples", daemon=True)
                start_without_signals(thread)
                self._served_by = os.getpid()

    def _known(self, certificate: bytes) -> Folder | None:
        if len(self._folders) >= MOST_CERTIFICATES:
            return None
        return self._folders.setdefault(certificate_hash(certificate), Folder(self._path, certificate))


_DIRECTORIES: Final[WeakSet[StapleDirectory]] = WeakSet()


def _begin_anew() -> None:
    for directory in tuple(_DIRECTORIES):
        directory.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)


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
