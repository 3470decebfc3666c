"""Make the certificate log, the voucher log and the memory of directories."""

import sqlalchemy as sa
from alembic import op

from mecai.service.database import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest_program = "0001"


def upgrade() -> None:
    """Make the step."""
    op.create_table(
        "certificates",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("first_seen", UtcTime, nullable=False),
        sa.Column("expires", UtcTime, nullable=False, index=True),
    )
    op.create_table(
        "vouchers",
        sa.Column("serial_number", sa.LargeBinary(16), primary_key=True),
        sa.Column("certificate_hash", sa.LargeBinary(32), nullable=False, index=True),
        sa.Column("this_update", UtcTime, nullable=False, index=True),
        sa.Column("requester", sa.String(45), nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "directories",
        sa.Column("context", sa.String(32), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )


def downgrade() -> None:
    """Take the step back."""
    for table in ("directories", "vouchers", "certificates"):
        op.drop_table(table)
