"""Make the register; take over one that was made before there were steps.

Such a register has the tables `certificate` and `crl`, with times as text. Its certificates keep their order, their
CRLs count on, and every status is due.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from cryptography import x509

from mecai.service.database import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest_program = "0001"

_DUE = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    """Make the step."""
    certificates = op.create_table(
        "certificates",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("serial", sa.String(40), nullable=False, unique=True),
        sa.Column("issuer", sa.String(16), nullable=False),
        sa.Column("profile", sa.String(16), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False, index=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("expires", UtcTime, nullable=False, index=True),
        sa.Column("revoked_at", UtcTime),
        sa.Column("reason", sa.String(32)),
        sa.Column("status_due", UtcTime, nullable=False, index=True),
    )
    crls = op.create_table(
        "crls",
        sa.Column("issuer", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("due", UtcTime, nullable=False),
    )
    number = 0
    if sa.inspect(op.get_bind()).has_table("certificate"):
        number = _take_over(certificates)
    op.bulk_insert(crls, [{"issuer": issuer, "number": number, "due": _DUE} for issuer in ("root", "issuing")])


def downgrade() -> None:
    """Take the step back."""
    for table in ("crls", "certificates"):
        op.drop_table(table)


def _take_over(certificates: sa.Table) -> int:
    """Move the certificates of an earlier register; returns the number of its newest CRLs."""
    connection = op.get_bind()
    query = "SELECT serial, issuer, profile, key, der, revoked_at, reason FROM certificate ORDER BY rowid"
    for row in connection.execute(sa.text(query)).mappings().all():
        connection.execute(sa.insert(certificates).values(_moved(row)))
    number: int = connection.execute(sa.text("SELECT number FROM crl")).scalar_one()
    for table in ("crl", "certificate"):
        op.drop_table(table)
    return number


def _moved(row: sa.RowMapping) -> dict[str, object]:
    """Return a row of the earlier register as one of this."""
    return {
        "serial": row["serial"],
        "issuer": row["issuer"],
        "profile": row["profile"],
        "key_hash": row["key"],
        "der": row["der"],
        "expires": x509.load_der_x509_certificate(row["der"]).not_valid_after_utc,
        "revoked_at": datetime.fromisoformat(row["revoked_at"]) if row["revoked_at"] else None,
        "reason": row["reason"],
        "status_due": _DUE,
    }
