"""Make every table, index and trigger."""

from alembic import op

import issuer.store
from issuer.store.triggers import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make everything in an empty database."""
    issuer.store.Base.metadata.create_all(op.get_bind())
    for statement in statements(op.get_bind().dialect.name):
        op.execute(statement)
