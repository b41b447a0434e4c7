"""Make room for what carriers ask, and for what they are told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what is new."""
    op.create_table(
        "carrier_question",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("destination", sa.String(length=3), nullable=False),
        sa.Column("arrival", sa.Date(), nullable=False),
        sa.Column("answer", _answer(), nullable=False),
        sa.Column("stay_until", sa.Date(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_watched", sa.Boolean(), nullable=False),
        sa.Column("is_everybody", sa.Boolean(), nullable=False),
        sa.Column("given_by", sa.String(length=3), nullable=True),
        sa.Column("forget_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "stay_until IS NULL OR answer = 'gives'",
            name=op.f("ck_carrier_question_stay_where_given"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name="fk_carrier_question_economy"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_question")),
        sa.UniqueConstraint(
            "economy", "reference", name=op.f("uq_carrier_question_economy_reference")
        ),
    )
    op.create_index(
        "ix_carrier_question_watched",
        "carrier_question",
        ["economy", "is_watched", "id"],
        unique=False,
    )
    op.create_index(
        "ix_carrier_question_forget_at", "carrier_question", ["forget_at"], unique=False
    )
    op.create_table(
        "carrier_change",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("question_id", _ID, nullable=False),
        sa.Column("answer", _answer(), nullable=False),
        sa.Column("stay_until", sa.Date(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["carrier_question.id"],
            name=op.f("fk_carrier_change_question_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_change")),
    )
    op.create_index(
        "ix_carrier_change_client",
        "carrier_change",
        ["economy", "client", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_carrier_change_question_id"),
        "carrier_change",
        ["question_id"],
        unique=False,
    )


def _answer() -> "sa.Enum":
    return sa.Enum(
        "gives",
        "does_not_give",
        "no_answer",
        name="answer",
        native_enum=False,
        create_constraint=True,
        length=24,
    )
