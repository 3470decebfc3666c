"""Keep at which addresses a certificate was seen (docs/spec H10); of those of before, the next sight is the first."""

import sqlalchemy as sa
from alembic import op

from mecai.service.database import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
oldest_program = "0005"


def upgrade() -> None:
    """Make the step."""
    certificate = sa.ForeignKey("certificates.hash", ondelete="CASCADE")
    op.create_table(
        "addresses",
        sa.Column("certificate_hash", sa.LargeBinary(32), certificate, primary_key=True),
        sa.Column("address", sa.String(45), primary_key=True),
        sa.Column("first", UtcTime, nullable=False),
        sa.Column("told", sa.String(32)),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("addresses")
