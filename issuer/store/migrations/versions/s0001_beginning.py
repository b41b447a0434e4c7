"""Make every table, index and trigger."""

from alembic import op

import issuer.store
from issuer.store.cases import LAST_MADE
from issuer.store.triggers import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make everything in an empty database."""
    tables = issuer.store.Base.metadata
    tables.create_all(op.get_bind())
    # Between two indexes that serve alike SQLite takes the one that was made last.
    for index in tables.tables["preclearance"].indexes:
        if index.name in LAST_MADE:
            index.drop(op.get_bind())
            index.create(op.get_bind())
    for statement in statements(op.get_bind().dialect.name):
        op.execute(statement)
