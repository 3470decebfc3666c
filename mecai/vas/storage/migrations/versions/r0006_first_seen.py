"""Find certificates by first sight: those on hold are counted often, and the log is shown the newest first."""

from alembic import op

from mecai.service.steps import build_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
oldest_program = "0005"


def upgrade() -> None:
    """Make the step."""
    build_index("ix_certificates_first_seen", "certificates", ["first_seen"])


def downgrade() -> None:
    """Take the step back."""
    op.drop_index("ix_certificates_first_seen", "certificates")
