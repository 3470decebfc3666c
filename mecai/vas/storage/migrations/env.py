"""What Alembic runs around the steps of the schema."""

from mecai.service.migration import run_steps
from mecai.vas.storage.tables import METADATA

run_steps(METADATA)
