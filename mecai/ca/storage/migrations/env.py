"""What Alembic runs around the steps of the schema."""

from mecai.ca.storage.tables import METADATA
from mecai.service.migration import run_steps

run_steps(METADATA)
