"""Runs the steps on the connection, and in the transaction, that the program gives."""

from alembic import context

from issuer.store.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
)
context.run_migrations()
