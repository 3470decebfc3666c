"""The signed directories of all trust contexts, as new as their files (docs/spec X1, X2, D3).

Each context is a file that its publisher's key, and no other, has signed. A file is read again when it changes, so that
a new directory is in force with the next voucher. One that cannot be accepted changes nothing: the former stays in
force until it expires, and the log says why. What was accepted is recorded before the directory is used, in the
database, so that all nodes of a VAS know it.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from sqlalchemy import Engine, select, update

from mecai.errors import HostError, Malformed, MecaiError
from mecai.protocol.acceptance import Record, accept
from mecai.protocol.objects.authorities import Directory
from mecai.service.database import insert_into
from mecai.service.pem import load_certificates
from mecai.vas.config import DirectoryFile
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.tables import DIRECTORIES

LOG = logging.getLogger(__name__)
RETRY: Final = timedelta(minutes=1)  # until a refused file is judged again: it may have been too early for it


class Directories:
    """All contexts of a VAS."""

    def __init__(self, files: tuple[DirectoryFile, ...], engine: Engine) -> None:
        records = _Records(engine)
        self._sources = [_Source(file, records) for file in files]
        self._lock = threading.Lock()

    def in_force(self, now: datetime) -> tuple[Directory, ...]:
        """Return the directories in force at `now`, at least one; raises `Refusal` (overloaded)."""
        with self._lock:
            found = [source.in_force(now) for source in self._sources]
        directories = tuple(directory for directory in found if directory is not None)
        if not directories:
            raise Refusal(Code.OVERLOADED, "no trust context has a valid directory", retry=RETRY)
        return directories


class _Source:
    """One context's file, and the directory that was last accepted from it."""

    def __init__(self, file: DirectoryFile, records: "_Records") -> None:
        self._file = file
        self._records = records
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
        return self._records.accept(self._file.context, encoded, now, publishers)


class _Records:
    """What was accepted for each context, in the database: all nodes that share it know it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def accept(self, context: str, octets: bytes, now: datetime, publishers: Sequence[x509.Certificate]) -> Directory:
        """Return the directory if it may be used; what is to be remembered of it is stored by then.

        One transaction holds the context's row from reading the record to writing it, so that of two nodes the later
        one judges by what the earlier one has accepted. Raises `VerificationError` or `HostError`.
        """
        row = DIRECTORIES.c.context == context
        first = insert_into(self._engine, DIRECTORIES).values(context=context, record=Record().encode())
        with self._engine.begin() as connection:
            connection.execute(first.on_conflict_do_nothing())
            stored = connection.execute(select(DIRECTORIES.c.record).where(row).with_for_update()).scalar_one()
            record = _decode(context, stored)
            directory, following = accept(record, octets, now, publishers)
            if directory.context != context:
                raise HostError(f"the directory is for context {directory.context}, expected {context}")
            if following != record:
                connection.execute(update(DIRECTORIES).where(row).values(record=following.encode()))
        return directory


def _decode(context: str, stored: bytes) -> Record:
    try:
        return Record.decode(stored)
    except Malformed as error:
        advice = "restore the database, or delete this row to trust the directory at hand anew"
        raise HostError(f"database: table directories, context {context}: {error.detail}; {advice}") from error


def _file_state(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or written, None if it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
