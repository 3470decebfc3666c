"""Keep the directories that the VAS fetches itself (docs/spec X2), and the CAs that its operator refuses (X4)."""

import sqlalchemy as sa
from alembic import op

from mecai.service.database import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
oldest_program = "0002"


def upgrade() -> None:
    """Make the step; every new column may be empty, for a node of the release before writes rows without them."""
    for column in (
        sa.Column("octets", sa.LargeBinary),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("etag", sa.String(255)),
        sa.Column("fetched", UtcTime),
        sa.Column("failed", UtcTime),
        sa.Column("failure", sa.Text),
    ):
        op.add_column("directories", column)
    op.create_table(
        "distrusted",
        sa.Column("spki", sa.LargeBinary(32), primary_key=True),
        sa.Column("subject", sa.Text),
        sa.Column("added", UtcTime, nullable=False),
        sa.Column("added_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Take the step back; what was fetched and whom the operator refuses is forgotten, what was accepted is not."""
    op.drop_table("distrusted")
    for name in ("failure", "failed", "fetched", "etag", "digest", "octets"):
        op.drop_column("directories", name)
