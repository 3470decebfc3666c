"""The signed directories of all trust contexts, as new as their files (docs/spec X1, X2, D3).

Each context is a file that its publisher's key, and no other, has signed. A file is read again when it changes, so that
a new directory is in force with the next voucher. One that cannot be accepted changes nothing: the former stays in
force until it expires, and the log says why. The highest sequence of each context is stored before the directory is
used, in the database, so that all nodes of a VAS know it.
"""

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select

from mecai.errors import HostError, MecaiError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory
from mecai.service.pem import load_certificates
from mecai.vas.config import DirectoryFile
from mecai.vas.problem import Code, Problem
from mecai.vas.storage.database import insert_into, reading
from mecai.vas.storage.tables import DIRECTORIES

LOG = logging.getLogger(__name__)
RETRY: Final = timedelta(minutes=1)  # until a refused file is judged again: it may have been too early for it


class Directories:
    """All contexts of a VAS."""

    def __init__(self, files: tuple[DirectoryFile, ...], engine: Engine) -> None:
        memory = _Memory(engine)
        self._sources = [_Source(file, memory) for file in files]
        self._lock = threading.Lock()

    def in_force(self, now: datetime) -> tuple[Directory, ...]:
        """Return the directories in force at `now`, at least one; raises `Problem` (overloaded)."""
        with self._lock:
            found = [source.in_force(now) for source in self._sources]
        directories = tuple(directory for directory in found if directory is not None)
        if not directories:
            raise Problem(Code.OVERLOADED, "no trust context has a valid directory", retry=RETRY)
        return directories


class _Source:
    """One context's file, and the directory that was last accepted from it."""

    def __init__(self, file: DirectoryFile, memory: "_Memory") -> None:
        self._file = file
        self._memory = memory
        self._seen: object = None
        self._accepted: Directory | None = None
        self._retry: datetime | None = None

    def in_force(self, now: datetime) -> Directory | None:
        """Return the directory in force, reading the file again if it changed; None if there is none."""
        seen = _file_state(self._file.path), _file_state(self._file.publishers)
        if seen != self._seen or (self._retry is not None and now >= self._retry):
            self._read(now)
            self._seen = seen
        if self._accepted is None or self._accepted.expires <= now:
            return None
        return self._accepted

    def _read(self, now: datetime) -> None:
        facts = {"context": self._file.context, "path": str(self._file.path)}
        try:
            self._accepted = self._parse(now)
        except MecaiError as error:
            self._retry = now + RETRY
            LOG.error("directory refused: %s", error, extra=facts)  # noqa: TRY400 - a verdict, not a fault
        else:
            self._retry = None
            LOG.info("directory accepted", extra=facts | {"sequence": self._accepted.sequence})

    def _parse(self, now: datetime) -> Directory:
        try:
            encoded = self._file.path.read_bytes()
        except OSError as error:
            raise HostError(f"{self._file.path}: directory cannot be read ({error.strerror})") from error
        publishers = load_certificates(self._file.publishers)
        highest = self._memory.highest(self._file.context)
        directory = parse_directory(encoded, publishers, now, highest)
        if directory.context != self._file.context:
            raise HostError(f"{self._file.path}: is for context {directory.context}, expected {self._file.context}")
        if highest != (directory.sequence, directory.hash):
            self._memory.store(directory)
        return directory


class _Memory:
    """The highest sequence of each context that was ever accepted, with the hash of that directory."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def highest(self, context: str) -> tuple[int, bytes] | None:
        """Return sequence and hash, or None for a context never seen."""
        query = select(DIRECTORIES.c.sequence, DIRECTORIES.c.hash).where(DIRECTORIES.c.context == context)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return (row.sequence, row.hash) if row else None

    def store(self, directory: Directory) -> None:
        """Remember an accepted directory, unless a node that shares the database knows a higher one."""
        row = {"context": directory.context, "sequence": directory.sequence, "hash": directory.hash}
        new = insert_into(self._engine, DIRECTORIES).values(row)
        higher = DIRECTORIES.c.sequence < new.excluded.sequence
        with self._engine.begin() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=["context"], set_=row, where=higher))


def _file_state(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or written, None if it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
