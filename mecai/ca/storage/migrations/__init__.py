"""The history of the schema, for Alembic; `mecai ca init` brings a register up to date."""
