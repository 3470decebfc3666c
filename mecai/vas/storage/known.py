"""What both logs say of a request before anybody is probed for it, asked in one statement."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, bindparam, func, select

from mecai.protocol.objects.request import VoucherRequest
from mecai.service.statement import Statement
from mecai.vas.storage.certificates import LOGGED, Logged, logged, note_of
from mecai.vas.storage.tables import CERTIFICATES, REQUESTS, VOUCHERS
from mecai.vas.storage.vouchers import Edition, Recorded

NOTED_FOR: Final = timedelta(minutes=5)  # so long the same requester's same request is not noted anew

_NOTE: Final = select(REQUESTS.c.last).where(
    *(column == bindparam(f"asked_{column.name}") for column in REQUESTS.primary_key)
)
_CONTENT: Final = bindparam("asked_content", type_=VOUCHERS.c.content.type)
_NEWEST: Final = select(func.max(VOUCHERS.c.edition)).where(VOUCHERS.c.content == _CONTENT).scalar_subquery()
_KNOWN: Final = (
    select(
        *(CERTIFICATES.c[name] for name in LOGGED),
        _NOTE.scalar_subquery().label("noted"),
        VOUCHERS.c.der.label("voucher"),
        *(VOUCHERS.c[name] for name in ("perspectives", "this_update", "content", "edition", "young_until")),
    )
    .outerjoin(VOUCHERS, (VOUCHERS.c.content == _CONTENT) & (VOUCHERS.c.edition == _NEWEST))
    .where(CERTIFICATES.c.hash == bindparam("asked_certificate_hash"))
)


@dataclass(frozen=True)
class Known:
    """A certificate of the log; when its requester was `noted` last; the newest `voucher` of what is asked for."""

    logged: Logged
    noted: datetime | None
    voucher: Recorded | None

    def is_noted(self, now: datetime) -> bool:
        """Say whether this requester's request was noted a short while ago."""
        return self.noted is not None and self.noted <= now < self.noted + NOTED_FOR


class KnownRequests:
    """Both logs in a database, to be asked."""

    def __init__(self, engine: Engine) -> None:
        self._known: Final = Statement(engine, _KNOWN)

    def find(self, request: VoucherRequest, requester: str, content: bytes) -> Known | None:
        """Return what is known of a request for a voucher of this content (R6), None if nothing of its certificate."""
        asked = {**note_of(request, requester), "content": content}
        row = self._known.first({f"asked_{name}": value for name, value in asked.items()})
        return Known(logged(row), row.noted, _recorded(row)) if row else None


def _recorded(row: Any) -> Recorded | None:  # noqa: ANN401 - as `Statement` has it
    if row.voucher is None:
        return None
    edition = Edition(row.content, row.edition, row.young_until)
    return Recorded(row.voucher, tuple(json.loads(row.perspectives)), row.this_update, edition)
