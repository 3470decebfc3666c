"""The tables of a VAS: the certificate log, the voucher log, and the directories it has seen.

The same schema serves SQLite (one node) and PostgreSQL (several nodes that share it). Its history is in `migrations`; a
test holds both together. Times are UTC, whole seconds.
"""

from typing import Final

from sqlalchemy import Column, LargeBinary, MetaData, String, Table

from mecai.service.database import UtcTime

METADATA: Final = MetaData()

# docs/spec H1: every certificate of a valid, probed request, until it expires.
CERTIFICATES: Final = Table(
    "certificates",
    METADATA,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("expires", UtcTime, nullable=False, index=True),
)

# What this VA has signed. The certificate may have left its log before the voucher leaves this one.
VOUCHERS: Final = Table(
    "vouchers",
    METADATA,
    Column("serial_number", LargeBinary(16), primary_key=True),
    Column("certificate_hash", LargeBinary(32), nullable=False, index=True),
    Column("this_update", UtcTime, nullable=False, index=True),
    Column("requester", String(45), nullable=False),
    Column("der", LargeBinary, nullable=False),
)

# docs/spec D2, D3: `mecai.protocol.acceptance.Record` of each trust context, stored before the directory is used.
DIRECTORIES: Final = Table(
    "directories",
    METADATA,
    Column("context", String(32), primary_key=True),
    Column("record", LargeBinary, nullable=False),
)
