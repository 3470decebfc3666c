"""What the operator refuses (docs/spec X4): CAs by their keys, and certificates; with who says so, when and why."""

from collections.abc import Collection
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, delete, select

from mecai.errors import InputError
from mecai.service.database import insert_once, reading
from mecai.service.statement import Statement
from mecai.vas.storage.tables import DISTRUSTED

_ALL: Final = select(DISTRUSTED.c.spki)


@dataclass(frozen=True)
class RefusedKey:
    """A CA's key, by SHA-256 of its SubjectPublicKeyInfo, or one certificate of that SHA-256 (`kind`: certificate).

    `subject` is that of the certificate that was given.
    """

    spki: bytes
    subject: str | None
    added: datetime
    added_by: str
    reason: str
    kind: str | None = None


class DistrustLog:
    """The operator's refusals in a database: what is added here holds on every node from the next voucher on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._all: Final = Statement(engine, _ALL)

    def add(self, key: RefusedKey) -> None:
        """Refuse a key; raises `InputError` if it is refused already, for that was said by somebody for a reason."""
        row = dict(zip(DISTRUSTED.c.keys(), astuple(key), strict=True))
        with self._engine.begin() as connection:
            if not insert_once(connection, DISTRUSTED, row):
                raise InputError(f"{key.spki.hex()}: is distrusted already; see `mecai vas distrust list`")

    def remove(self, spki: bytes) -> None:
        """Refuse a key no longer; raises `InputError` if it is not refused here."""
        with self._engine.begin() as connection:
            if not connection.execute(delete(DISTRUSTED).where(DISTRUSTED.c.spki == spki)).rowcount:
                raise InputError(f"{spki.hex()}: is not distrusted here; see `mecai vas distrust list`")

    def listed(self) -> tuple[RefusedKey, ...]:
        """Return all refused keys, the newest first."""
        newest = select(DISTRUSTED).order_by(DISTRUSTED.c.added.desc(), DISTRUSTED.c.spki)
        with reading(self._engine) as connection:
            return tuple(RefusedKey(*row) for row in connection.execute(newest))

    def refuses(self, keys: Collection[bytes]) -> bool:
        """Say whether one of these keys is refused."""
        # Of them all: they are few, and an IN costs twice as much.
        return not {row.spki for row in self._all.all({})}.isdisjoint(keys)
