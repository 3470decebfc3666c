"""The history of the schema, for Alembic; `mecai vas migrate` walks it."""
