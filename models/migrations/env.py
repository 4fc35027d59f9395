"""Alembic's entry point: runs the revisions on the connection in its configuration."""

from alembic import context

from models import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
