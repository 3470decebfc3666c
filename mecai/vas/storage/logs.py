"""The certificate log and the voucher log (docs/spec H1): what a VA has seen, and what it has signed.

Each method is one transaction, on disk when it returns. Writing also drops what has had its time: certificates that
have expired, vouchers older than the voucher log is to reach back.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, insert, select

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.service.database import insert_into
from mecai.vas.storage.tables import CERTIFICATES, VOUCHERS


class Log:
    """Both logs in one database."""

    def __init__(self, engine: Engine, reach: timedelta) -> None:
        """Keep the logs in `engine`; the voucher log reaches back by `reach`."""
        self._engine = engine
        self._reach = reach

    def sight(self, request: VoucherRequest, now: datetime) -> datetime:
        """Log a request's certificate, which a probe has just seen, and return when it was seen for the first time."""
        name, expires = request.hashes[0], request.chain[0].not_valid_after_utc
        row = {"hash": name, "der": request.certificate, "first_seen": now, "expires": expires}
        with self._engine.begin() as connection:
            connection.execute(delete(CERTIFICATES).where(CERTIFICATES.c.expires < now))
            connection.execute(insert_into(self._engine, CERTIFICATES).values(row).on_conflict_do_nothing())
            known = select(CERTIFICATES.c.first_seen).where(CERTIFICATES.c.hash == name)
            first_seen: datetime = connection.execute(known).scalar_one()
        return first_seen

    def record(self, info: VoucherInfo, der: bytes, requester: str) -> None:
        """Log a voucher before it leaves; a serial number that was used before is refused by the database (O8)."""
        row = {
            "serial_number": info.serial_number.to_bytes(16),
            "certificate_hash": info.certificate_hash,
            "this_update": info.this_update,
            "requester": requester,
            "der": der,
        }
        with self._engine.begin() as connection:
            connection.execute(delete(VOUCHERS).where(VOUCHERS.c.this_update < info.this_update - self._reach))
            connection.execute(insert(VOUCHERS).values(row))
