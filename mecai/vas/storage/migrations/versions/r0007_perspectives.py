"""Say of each voucher which perspectives agreed (docs/spec P5); of those of before nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
oldest_program = "0005"


def upgrade() -> None:
    """Make the step."""
    op.add_column("vouchers", sa.Column("perspectives", sa.Text))


def downgrade() -> None:
    """Take the step back."""
    op.drop_column("vouchers", "perspectives")
