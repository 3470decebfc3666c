"""Let nodes share young vouchers (docs/spec R6) and counts of requests (R9)."""

import sqlalchemy as sa
from alembic import op

from mecai.service.database import UtcTime
from mecai.service.steps import add_columns, build_index

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
oldest_program = "0005"


def upgrade() -> None:
    """Make the step; vouchers of before answer nobody again.

    Counts are worth nothing after a crash: PostgreSQL keeps them out of what it writes ahead.
    """
    content, edition = sa.Column("content", sa.LargeBinary(32)), sa.Column("edition", sa.Integer)
    add_columns("vouchers", content, edition, sa.Column("young_until", UtcTime))
    build_index("ix_vouchers_edition", "vouchers", ["content", "edition"], unique=True)
    op.create_table(
        "quotas",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("ends", UtcTime, nullable=False, index=True),
        prefixes=["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else [],
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("quotas")
    op.drop_index("ix_vouchers_edition", "vouchers")
    for column in ("young_until", "edition", "content"):
        op.drop_column("vouchers", column)
