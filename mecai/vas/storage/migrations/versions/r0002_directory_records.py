"""Keep the whole record of accepted directories: the pins that one of them named outlive a restart as well (D2)."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
oldest_program = "0002"

_NO_FILE = bytes(32)  # the octets that were accepted last are not known: they are judged again


def upgrade() -> None:
    """Make the step; what was known of each context goes into its record."""
    known = op.get_bind().execute(sa.text("SELECT context, sequence, hash FROM directories")).all()
    op.drop_table("directories")
    table = op.create_table(
        "directories",
        sa.Column("context", sa.String(32), primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    if known:
        op.bulk_insert(table, [{"context": row.context, "record": _record(row)} for row in known])


def downgrade() -> None:
    """Take the step back; pins that a directory named are forgotten."""
    known = op.get_bind().execute(sa.text("SELECT record FROM directories")).scalars().all()
    op.drop_table("directories")
    table = op.create_table(
        "directories",
        sa.Column("context", sa.String(32), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    rows = [{**each, "hash": bytes.fromhex(each["hash"])} for record in known for each in json.loads(record)["newest"]]
    if rows:
        op.bulk_insert(table, rows)


def _record(row: sa.Row) -> bytes:  # type: ignore[type-arg]  # a row of any query
    newest = {"context": row.context, "sequence": row.sequence, "hash": row.hash.hex()}
    return json.dumps({"accepted": _NO_FILE.hex(), "pins": [], "newest": [newest]}).encode()
