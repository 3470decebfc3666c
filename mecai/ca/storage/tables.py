"""The tables of a CA: the certificates that it signed, and its CRLs.

The same schema serves SQLite and PostgreSQL. Its history is in `migrations`; a test holds both together. Times are UTC,
whole seconds.
"""

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from mecai.service.database import UtcTime

METADATA: Final = MetaData()

CERTIFICATES: Final = Table(
    "certificates",
    METADATA,
    Column("number", Integer, primary_key=True),  # the order of issuing
    Column("serial", String(40), nullable=False, unique=True),  # hexadecimal, lower case
    Column("issuer", String(16), nullable=False),
    Column("profile", String(16), nullable=False),
    Column("key_hash", LargeBinary(32), nullable=False, index=True),  # SHA-256 of the SubjectPublicKeyInfo
    Column("der", LargeBinary, nullable=False),
    Column("expires", UtcTime, nullable=False, index=True),
    Column("revoked_at", UtcTime),
    Column("reason", String(32)),  # as in RFC 5280 section 5.3.1
    Column("status_due", UtcTime, nullable=False, index=True),  # when its status is to be published anew
)

# One row for each issuer, from the start.
CRLS: Final = Table(
    "crls",
    METADATA,
    Column("issuer", String(16), primary_key=True),
    Column("number", Integer, nullable=False),  # of the newest CRL, RFC 5280 section 5.2.3
    Column("due", UtcTime, nullable=False),  # when the next one is to be published
)
