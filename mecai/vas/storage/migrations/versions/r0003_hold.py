"""Keep what the hold and its exceptions ask for (docs/spec H1, H5, H8, H9), and what is still to be done."""

import sqlalchemy as sa
from alembic import op
from cryptography import x509

from mecai.protocol.pki.identity import spki_hash
from mecai.service.database import UtcTime
from mecai.service.steps import add_columns, build_index, fill

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
oldest_program = "0002"

_CERTIFICATES = sa.table("certificates", *(sa.column(name, sa.LargeBinary) for name in ("hash", "der", "spki")))


def upgrade() -> None:
    """Make the step; certificates of before have no known issuers, so that none of them counts as a predecessor.

    Every new column may be empty: a node of the release before goes on writing rows without them.
    """
    add_columns(
        "certificates",
        sa.Column("issuers", sa.LargeBinary),
        sa.Column("spki", sa.LargeBinary(32)),
        sa.Column("released", UtcTime),
        sa.Column("released_by", sa.String(16)),
        sa.Column("disputed", UtcTime),
    )
    fill(_CERTIFICATES, "hash", "spki", _spki)
    build_index("ix_certificates_spki", "certificates", ["spki"])
    _make_requests_and_complaints()
    op.create_table(
        "expedites",
        sa.Column("certificate_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("authority", sa.LargeBinary(8), primary_key=True),
        sa.Column("issued", UtcTime, nullable=False),
        sa.Column("expires", UtcTime, nullable=False, index=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("topic", sa.String(253), index=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("due", UtcTime),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("ix_outbox_kind_key", "outbox", ["kind", "key"], unique=True)
    op.create_index("ix_outbox_due", "outbox", ["due"])


def downgrade() -> None:
    """Take the step back; exceptions, objections and what was to be done are forgotten."""
    for table in ("outbox", "expedites", "complaints", "requests"):
        op.drop_table(table)
    op.drop_index("ix_certificates_spki", "certificates")
    for name in ("disputed", "released_by", "released", "spki", "issuers"):
        op.drop_column("certificates", name)


def _make_requests_and_complaints() -> None:
    def of_certificate() -> sa.Column[bytes]:
        return sa.Column(
            "certificate_hash",
            sa.LargeBinary(32),
            sa.ForeignKey("certificates.hash", ondelete="CASCADE"),
            primary_key=True,
        )

    op.create_table(
        "requests",
        of_certificate(),
        sa.Column("requester", sa.String(45), primary_key=True),
        sa.Column("addresses", sa.String(16 * 46), primary_key=True),
        sa.Column("first", UtcTime, nullable=False),
        sa.Column("last", UtcTime, nullable=False),
    )
    op.create_table(
        "complaints",
        of_certificate(),
        sa.Column("domain", sa.String(253), primary_key=True),
        sa.Column("raised", UtcTime, nullable=False),
        sa.Column("requester", sa.String(45), nullable=False),
        sa.Column("decided", UtcTime),
        sa.Column("decision", sa.String(16)),
        sa.Column("reason", sa.Text),
    )


def _spki(row: sa.Row) -> bytes:  # type: ignore[type-arg]  # a row of any query
    return spki_hash(x509.load_der_x509_certificate(row.der))
