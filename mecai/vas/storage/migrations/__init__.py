"""The history of the schema, for Alembic; `mecai vas migrate` brings a database up to date by it."""
