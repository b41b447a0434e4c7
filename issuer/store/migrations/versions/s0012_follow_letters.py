"""Keep letters by which whoever applied on paper follows their application online."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "follow_letter",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("code_mark", sa.String(length=43), nullable=True),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applicant_id", _ID, nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(applicant_id IS NULL) = (used_at IS NULL)",
            name=op.f("ck_follow_letter_used_whole"),
        ),
        sa.CheckConstraint(
            "used_at IS NULL OR code_mark IS NULL",
            name=op.f("ck_follow_letter_used_once"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_follow_letter_economy")
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_follow_letter_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["account.id"], name=op.f("fk_follow_letter_made_by")
        ),
        sa.ForeignKeyConstraint(
            ["applicant_id"],
            ["applicant.id"],
            name=op.f("fk_follow_letter_applicant_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_letter")),
        sa.UniqueConstraint("code_mark", name=op.f("uq_follow_letter_code_mark")),
    )
    op.create_index(
        "ix_follow_letter_application_id", "follow_letter", ["application_id"]
    )
    op.create_index("ix_follow_letter_applicant_id", "follow_letter", ["applicant_id"])
