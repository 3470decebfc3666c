"""What Alembic runs around each step: one connection, given by `storage.database.migrate`, and one transaction."""

from alembic import context

from mecai.vas.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
