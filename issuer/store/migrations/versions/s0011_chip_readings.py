"""Keep what came of reading the chips of passports."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "chip_reading",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("passport_id", _ID, nullable=False),
        sa.Column("read_by", _ID, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signer", sa.String(length=64), nullable=True),
        sa.Column("authority", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'proved') = (signer IS NOT NULL)"
            " AND (signer IS NULL) = (authority IS NULL)",
            name=op.f("ck_chip_reading_proof_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_chip_reading_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["passport_id"], ["passport.id"], name=op.f("fk_chip_reading_passport_id")
        ),
        sa.ForeignKeyConstraint(
            ["read_by"], ["account.id"], name=op.f("fk_chip_reading_read_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chip_reading")),
    )
    op.create_index(
        "ix_chip_reading_application_id", "chip_reading", ["application_id"]
    )
    op.create_index("ix_chip_reading_passport_id", "chip_reading", ["passport_id"])
