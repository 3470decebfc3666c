"""Expedite statements that were verified, one of each VA for a certificate: the last that it made (docs/spec H8)."""

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, delete, select

from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.service.database import insert_into, keep_newest, reading
from mecai.vas.storage.tables import EXPEDITES

_KEPT: Final = 10_000  # of one VA, the newest: it may speak for certificates that nobody has seen yet


class ExpediteLog:
    """The statements in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, authority: bytes, statement: ExpediteStatement, der: bytes, now: datetime) -> None:
        """Keep a statement of a VA instead of an earlier one; drops what has ended."""
        row = {
            "certificate_hash": statement.certificate_hash,
            "authority": authority,
            "issued": statement.issued_at,
            "expires": statement.expires_at,
            "der": der,
        }
        kept = insert_into(self._engine, EXPEDITES).values(row)
        later = {name: row[name] for name in ("issued", "expires", "der")}
        newer = EXPEDITES.c.issued < statement.issued_at
        kept = kept.on_conflict_do_update(index_elements=list(EXPEDITES.primary_key), set_=later, where=newer)
        with self._engine.begin() as connection:
            connection.execute(delete(EXPEDITES).where(EXPEDITES.c.expires <= now))
            connection.execute(kept)
            keep_newest(connection, EXPEDITES.c.issued, EXPEDITES.c.authority == authority, _KEPT)

    def speaking(self, certificate_hash: bytes, now: datetime) -> tuple[bytes, ...]:
        """Return the statements for a certificate that have not ended, DER, one of each VA."""
        holds = (EXPEDITES.c.certificate_hash == certificate_hash) & (EXPEDITES.c.expires > now)
        with reading(self._engine) as connection:
            return tuple(connection.execute(select(EXPEDITES.c.der).where(holds)).scalars())
