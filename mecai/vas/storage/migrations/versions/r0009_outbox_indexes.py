"""Find in the outbox, without a look at all, what was done long ago (a sweep asks) and what is about a certificate."""

import sqlalchemy as sa
from alembic import op

from mecai.service.steps import build_index, replace_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
oldest_program = "0005"


def upgrade() -> None:
    """Make the step."""
    build_index("ix_outbox_about", "outbox", [sa.text("substr(key, 1, 64)")])
    replace_index("ix_outbox_due", "outbox", ["due", "created"])


def downgrade() -> None:
    """Take the step back."""
    op.drop_index("ix_outbox_about", "outbox")
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["due"])
