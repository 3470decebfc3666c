"""Later releases of mecai than this one: the first widens the VAS's schema by a column, the second takes it away."""

from collections.abc import Mapping
from dataclasses import dataclass

from mecai.vas.storage.database import SCHEMA

_STORAGE = "mecai/vas/storage"
DATABASE = f"{_STORAGE}/database.py"
_STEP = """
import sqlalchemy as sa
from alembic import op
from mecai.service.steps import add_columns, build_index, fill

revision, down_revision, oldest_program = "{revision}", "{before}", "{before}"
VOUCHERS = sa.table("vouchers", *(sa.column(name, sa.LargeBinary) for name in ("serial_number", "next")))

def upgrade():
"""


@dataclass(frozen=True)
class Later:
    """A release with one step of the schema more than the one before."""

    revision: str
    before: str
    does: str

    def files(self, database: str) -> Mapping[str, str]:
        """Return what it has that the one before has not, by path; `database` is what that one has at `DATABASE`."""
        step = _STEP.format(revision=self.revision, before=self.before) + self.does
        known = database.replace(f'"{self.before}"', f'"{self.revision}"')
        assert known != database
        return {f"{_STORAGE}/migrations/versions/r{self.revision}.py": step, DATABASE: known}


WIDER = Later(
    "9001",
    SCHEMA.head,
    """
    add_columns("vouchers", sa.Column("next", sa.LargeBinary))
    fill(VOUCHERS, "serial_number", "next", lambda row: row.serial_number)
    build_index("ix_vouchers_next", "vouchers", ["next"])
""",
)
NARROWER = Later(
    "9002",
    WIDER.revision,
    """
    op.drop_column("vouchers", "next")
""",
)
