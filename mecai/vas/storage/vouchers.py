"""The voucher log: what a VA has signed, as far back as its operator wants it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, bindparam, delete, select

from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.service.database import insert_into, one_write
from mecai.service.statement import Statement
from mecai.vas.storage.sweep import Sweep
from mecai.vas.storage.tables import CERTIFICATES, VOUCHERS

_ROW: Final = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in VOUCHERS.c}
_UNDISPUTED: Final = ~(
    select(CERTIFICATES.c.hash)
    .where(CERTIFICATES.c.hash == _ROW["certificate_hash"], CERTIFICATES.c.disputed.isnot(None))
    .exists()
)


@dataclass(frozen=True)
class Edition:
    """Which voucher of a content (R6) this is, and until when it answers whoever asks for that content."""

    content: bytes
    number: int
    young_until: datetime


@dataclass(frozen=True)
class Recorded:
    """A voucher of the log, with the names of the perspectives that agreed."""

    der: bytes
    perspectives: tuple[str, ...]
    this_update: datetime
    edition: Edition

    def is_young(self, now: datetime) -> bool:
        """Say whether it still answers whoever asks for the same.

        A clock that was ahead and set back leaves vouchers that begin later than a client lets pass (V7).
        """
        return self.this_update <= now + LIMITS.clock_skew and now < self.edition.young_until


class VoucherLog:
    """The voucher log in a database; each record is on disk when `record` returns."""

    def __init__(self, engine: Engine, reach: timedelta) -> None:
        """Let the log reach back by `reach`; what is older is dropped now and then."""
        self._engine = engine
        self._reach = reach
        self._sweep = Sweep()
        inserted = insert_into(engine, VOUCHERS).from_select(list(_ROW), select(*_ROW.values()).where(_UNDISPUTED))
        once = inserted.on_conflict_do_nothing(index_elements=[VOUCHERS.c.content, VOUCHERS.c.edition])
        self._record: Final = Statement(engine, once.returning(VOUCHERS.c.serial_number))

    def record(
        self, info: VoucherInfo, der: bytes, requester: str, perspectives: Sequence[str], edition: Edition | None = None
    ) -> bool:
        """Log a voucher before it leaves, with the names of those that agreed (P5); tell whether it may leave.

        It may not, and is not logged, if its certificate is disputed by now, or if its edition is there: another node,
        or another thread, was first. A serial number that was used before is refused by the database (O8).
        """
        row = {**_row(info, edition), "der": der, "requester": requester, "perspectives": json.dumps(perspectives)}
        written = self._record.first({f"new_{name}": value for name, value in row.items()})
        if self._sweep.due(info.this_update):
            self._drop_before(info.this_update - self._reach)
        return written is not None

    def _drop_before(self, moment: datetime) -> None:
        with one_write(self._engine) as connection:
            connection.execute(delete(VOUCHERS).where(VOUCHERS.c.this_update < moment))


def _row(info: VoucherInfo, edition: Edition | None) -> dict[str, Any]:
    return {
        "serial_number": info.serial_number.to_bytes(16),
        "certificate_hash": info.certificate_hash,
        "this_update": info.this_update,
        "content": edition and edition.content,
        "edition": edition and edition.number,
        "young_until": edition and edition.young_until,
    }
