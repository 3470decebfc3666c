"""The signed directories of all trust contexts, as new as where they come from (docs/spec X1, X2, D3).

Each context is a directory that its publisher's key, and no other, has signed: in a file, or in the database, where
`mecai.vas.trust.refresh` puts what it fetches. It is read again when it changes, so that a new one is in force with the
next voucher. One that cannot be accepted changes nothing: the former stays in force until it expires, and the log says
why; but what other first pins let in is out of force with them (D2). What was accepted is recorded before the directory
is used, in the database, so that all nodes of a VAS know it.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import HostError, MecaiError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import spki_hash
from mecai.service.pem import load_certificates
from mecai.vas.config import ContextSource
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.directories import DirectoryLog

LOG = logging.getLogger(__name__)
RETRY: Final = timedelta(minutes=1)  # until a refused directory is judged again: it may have been too early for it


class Directories:
    """All contexts of a VAS."""

    def __init__(self, sources: tuple[ContextSource, ...], engine: Engine) -> None:
        log = DirectoryLog(engine)
        self._contexts = [_Context(source, log) for source in sources]
        self._lock = threading.Lock()

    def in_force(self, now: datetime) -> tuple[Directory, ...]:
        """Return the directories in force at `now`, at least one; raises `Refusal` (overloaded)."""
        with self._lock:
            found = [context.in_force(now) for context in self._contexts]
        directories = tuple(directory for directory in found if directory is not None)
        if not directories:
            raise Refusal(Code.OVERLOADED, "no trust context has a valid directory", retry=RETRY)
        return directories

    def require(self, context: str, now: datetime) -> None:
        """See that one context has a directory in force; raises `HostError` with how to get one."""
        if context not in {directory.context for directory in self.in_force(now)}:
            raise HostError(f"context {context}: no directory is in force; see `mecai vas context list`")


class _Origin(Protocol):
    """Where a context's directory comes from: `state` is another one when `read` may return another one."""

    def state(self) -> object: ...

    def read(self) -> bytes:
        """Return the signed octets; raises `HostError`."""
        ...


class _Context:
    """One context's publisher, and the directory that was last accepted from it."""

    def __init__(self, source: ContextSource, log: DirectoryLog) -> None:
        self._source = source
        self._log = log
        self._origin = _origin(source, log)
        self._seen: object = None
        self._accepted: Directory | None = None
        self._pins: frozenset[bytes] = frozenset()
        self._retry: datetime | None = None

    def in_force(self, now: datetime) -> Directory | None:
        """Return the directory in force, reading it again if it changed; None if there is none."""
        seen = self._origin.state(), _file_state(self._source.publishers)
        if seen != self._seen or (self._retry is not None and now >= self._retry):
            self._read(now)
            self._seen = seen
        if self._accepted is None or self._accepted.expires <= now:
            return None
        return self._accepted

    def _read(self, now: datetime) -> None:
        facts = {"context": self._source.context, "origin": str(self._source.path or self._source.url)}
        try:
            self._accepted = self._parse(now)
        except MecaiError as error:
            self._retry = now + RETRY
            LOG.error("directory refused: %s", error, extra=facts)  # noqa: TRY400 - a verdict, not a fault
        else:
            self._retry = None
            LOG.info("directory accepted", extra=facts | {"sequence": self._accepted.sequence})

    def _parse(self, now: datetime) -> Directory:
        encoded = self._origin.read()
        publishers = load_certificates(self._source.publishers)
        if (pins := frozenset(map(spki_hash, publishers))) != self._pins:
            self._pins, self._accepted = pins, None
        return self._log.accept(self._source.context, encoded, now, publishers)


@dataclass(frozen=True)
class _InFile:
    path: Path

    def state(self) -> object:
        return _file_state(self.path)

    def read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise HostError(f"{self.path}: directory cannot be read ({error.strerror})") from error


@dataclass(frozen=True)
class _InDatabase:
    log: DirectoryLog
    context: str

    def state(self) -> object:
        try:
            return self.log.digest(self.context)
        except SQLAlchemyError as error:
            raise Refusal(Code.OVERLOADED, "the database does not answer", retry=RETRY) from error

    def read(self) -> bytes:
        if (octets := self.log.fetched(self.context).octets) is None:
            raise HostError(f"it was never fetched; run `mecai vas context refresh {self.context}`")
        return octets


def _origin(source: ContextSource, log: DirectoryLog) -> _Origin:
    return _InDatabase(log, source.context) if source.path is None else _InFile(source.path)


def read_signed(source: ContextSource, log: DirectoryLog) -> bytes:
    """Return a context's signed directory as it is here, unjudged; raises `HostError`."""
    return _origin(source, log).read()


def _file_state(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced or written, None if it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
