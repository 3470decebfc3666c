"""What is known of each context's directories: the record of those accepted, and the one that was fetched last.

In the database, so that all nodes of a VAS know it, and so that one node's fetch is all nodes' (ADR 0038).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from sqlalchemy import Engine, bindparam, select, update

from mecai.errors import HostError, Malformed
from mecai.protocol.acceptance import Record, accept
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import sha256
from mecai.service.database import insert_once, reading
from mecai.service.statement import Statement
from mecai.vas.storage.tables import DIRECTORIES


@dataclass(frozen=True)
class Fetched:
    """A context's signed directory as its publisher sent it last, unjudged, and what came of the fetches since.

    `fetched` is when it came, or was last confirmed; a later fetch that brought nothing is told by `failed`, `failure`.
    """

    octets: bytes | None = None
    etag: str | None = None
    fetched: datetime | None = None
    failed: datetime | None = None
    failure: str | None = None


class DirectoryLog:
    """The directories in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._digest: Final = Statement(engine, _DIGEST)

    def accept(self, context: str, octets: bytes, now: datetime, publishers: Sequence[x509.Certificate]) -> Directory:
        """Return the directory if it may be used; what is to be remembered of it is stored by then (D3).

        One transaction holds the context's row from reading the record to writing it, so that of two nodes the later
        one judges by what the earlier one has accepted. Raises `VerificationError` or `HostError`.
        """
        return self._accept(context, octets, now, publishers, {})

    def keep(
        self, context: str, octets: bytes, etag: str, now: datetime, publishers: Sequence[x509.Certificate]
    ) -> Directory:
        """Accept a directory that was fetched, and keep it for every node; raises as `accept`, and changes nothing."""
        kept = {"octets": octets, "digest": sha256(octets), "etag": etag}
        return self._accept(context, octets, now, publishers, kept | {"fetched": now, "failed": None, "failure": None})

    def fail(self, context: str, failure: str, now: datetime) -> None:
        """Note why a fetch brought nothing."""
        with self._engine.begin() as connection:
            insert_once(connection, DIRECTORIES, {"context": context, "record": Record().encode()})
            failed = update(DIRECTORIES).where(DIRECTORIES.c.context == context)
            connection.execute(failed.values(failed=now, failure=failure))

    def fetched(self, context: str) -> Fetched:
        """Return what was fetched, with nothing in it if nothing was."""
        row = select(*(DIRECTORIES.c[name] for name in _FETCHED)).where(DIRECTORIES.c.context == context)
        with reading(self._engine) as connection:
            found = connection.execute(row).first()
        return Fetched(*found) if found else Fetched()

    def digest(self, context: str) -> bytes | None:
        """Return SHA-256 of what was fetched: other octets, another digest."""
        row = self._digest.first({"of": context})
        return row and row.digest  # type: ignore[no-any-return]

    def record(self, context: str) -> Record:
        """Return what is remembered of a context; raises `HostError` if it is damaged."""
        row = select(DIRECTORIES.c.record).where(DIRECTORIES.c.context == context)
        with reading(self._engine) as connection:
            stored = connection.execute(row).scalar_one_or_none()
        return _decode(context, stored) if stored is not None else Record()

    def _accept(
        self,
        context: str,
        octets: bytes,
        now: datetime,
        publishers: Sequence[x509.Certificate],
        values: dict[str, Any],
    ) -> Directory:
        row = DIRECTORIES.c.context == context
        with self._engine.begin() as connection:
            insert_once(connection, DIRECTORIES, {"context": context, "record": Record().encode()})
            stored = connection.execute(select(DIRECTORIES.c.record).where(row).with_for_update()).scalar_one()
            record = _decode(context, stored)
            directory, following = accept(record, octets, now, publishers)
            if directory.context != context:
                raise HostError(f"the directory is for context {directory.context}, expected {context}")
            if following != record:
                values = values | {"record": following.encode()}
            if values:
                connection.execute(update(DIRECTORIES).where(row).values(values))
        return directory


_DIGEST: Final = select(DIRECTORIES.c.digest).where(DIRECTORIES.c.context == bindparam("of"))
_FETCHED: Final = ("octets", "etag", "fetched", "failed", "failure")  # the fields of `Fetched`


def _decode(context: str, stored: bytes) -> Record:
    try:
        return Record.decode(stored)
    except Malformed as error:
        advice = "restore the database, or delete this row to trust the directory at hand anew"
        raise HostError(f"database: table directories, context {context}: {error.detail}; {advice}") from error
