"""Keep which passports were reported, also when another has been linked since."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, and fill it with what is reported now."""
    op.create_table(
        "reported_passport",
        sa.Column("passport_id", _ID, autoincrement=False, nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["passport_id"],
            ["passport.id"],
            name=op.f("fk_reported_passport_passport_id"),
        ),
        sa.PrimaryKeyConstraint("passport_id", name=op.f("pk_reported_passport")),
    )
    op.execute(
        "INSERT INTO reported_passport (passport_id, reported_at)"
        " SELECT passport_id, MAX(changed_at) FROM passport_link"
        " WHERE state = 'reported' GROUP BY passport_id"
    )
