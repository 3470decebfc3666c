"""Keep reports and incident notices (docs/spec F1 to F8), names of certificates (H9), refusals of certificates (X4)."""

import sqlalchemy as sa
from alembic import op

from mecai.service.database import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest_program = "0005"  # one of 0004 would vouch for a certificate that is refused by its hash


def upgrade() -> None:
    """Make the step.

    There are no names of what was seen before: they matter while such a certificate lives, to objections alone.
    """
    _make_reports()
    op.create_table(
        "incidents",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("authority", sa.LargeBinary(8), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("time", UtcTime, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("received", UtcTime, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "names",
        sa.Column("name", sa.String(253), primary_key=True),
        sa.Column(
            "certificate_hash",
            sa.LargeBinary(32),
            sa.ForeignKey("certificates.hash", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
    )
    op.add_column("distrusted", sa.Column("kind", sa.String(16)))


def downgrade() -> None:
    """Take the step back; who refuses a certificate goes on refusing its hash, which then looks like that of a key."""
    op.drop_column("distrusted", "kind")
    for table in ("names", "incidents", "reports"):
        op.drop_table(table)


def _make_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("certificate_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("time", UtcTime, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("text", sa.Text),
        sa.Column("received", UtcTime, nullable=False, index=True),
        sa.Column("reporter", sa.String(45)),
        sa.Column("authority", sa.LargeBinary(8)),
        sqlite_autoincrement=True,
    )
    once = ["certificate_hash", "address", "day"]
    op.create_index("ix_reports_once", "reports", once, unique=True)
