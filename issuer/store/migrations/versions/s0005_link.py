"""Make room for what is asked of destinations elsewhere, and for their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what is new."""
    op.create_table(
        "link_answer",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("destination", sa.String(length=3), nullable=False),
        sa.Column("position", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.String(length=200), nullable=False),
        sa.Column("problem", sa.String(length=64), nullable=False),
        sa.Column("problem_text", sa.String(length=500), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_link_answer_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_answer")),
        sa.UniqueConstraint(
            "economy",
            "destination",
            "position",
            name=op.f("uq_link_answer_economy_destination_position"),
        ),
    )
    op.create_index(
        "ix_link_answer_refused",
        "link_answer",
        ["economy", "destination", "id"],
        unique=False,
        sqlite_where=sa.text("problem <> ''"),
        postgresql_where=sa.text("problem <> ''"),
    )
    op.create_table(
        "link_partner",
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("destination", sa.String(length=3), nullable=False),
        sa.Column("opened_by", _ID, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.String(length=200), nullable=False),
        sa.Column("enlisted_to", _ID, nullable=False),
        sa.Column("enlist_until", _ID, nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=64), nullable=False),
        sa.Column("problem_text", sa.String(length=500), nullable=False),
        sa.Column("problem_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("economy <> destination", name=op.f("ck_link_partner_two")),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_link_partner_economy")
        ),
        sa.ForeignKeyConstraint(
            ["opened_by"], ["account.id"], name=op.f("fk_link_partner_opened_by")
        ),
        sa.PrimaryKeyConstraint("economy", "destination", name=op.f("pk_link_partner")),
    )
    op.create_table(
        "link_question",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("destination", sa.String(length=3), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("preclearance_id", _ID, nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("has_ended", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "told_state",
            sa.Enum(
                "pending_home",
                "active",
                "suspended",
                "lost",
                "cancelled",
                "superseded",
                "expired",
                name="told_state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("told_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_credentials", sa.Text(), nullable=False),
        sa.Column("told_passport", sa.String(length=64), nullable=False),
        sa.Column("told_reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", _ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(length=64), nullable=False),
        sa.Column("problem_text", sa.String(length=500), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.CheckConstraint("told <= changed", name=op.f("ck_link_question_not_ahead")),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_link_question_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_link_question_economy")
        ),
        sa.ForeignKeyConstraint(
            ["preclearance_id"],
            ["preclearance.id"],
            name=op.f("fk_link_question_preclearance_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_question")),
        sa.UniqueConstraint(
            "economy",
            "destination",
            "reference",
            name=op.f("uq_link_question_economy_destination_reference"),
        ),
    )
    op.create_index(
        "ix_link_question_card_id", "link_question", ["card_id"], unique=False
    )
    op.create_index(
        "ix_link_question_waiting",
        "link_question",
        ["economy", "destination", "next_at", "id"],
        unique=False,
        sqlite_where=sa.text("told < changed"),
        postgresql_where=sa.text("told < changed"),
    )
    op.create_index(
        "uq_link_question_open",
        "link_question",
        ["preclearance_id"],
        unique=True,
        sqlite_where=sa.text("NOT has_ended"),
        postgresql_where=sa.text("NOT has_ended"),
    )
    op.create_table(
        "link_decision",
        sa.Column("answer_id", _ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("destination", sa.String(length=3), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("after", sa.String(length=24), nullable=False),
        sa.Column("question_id", _ID, nullable=True),
        sa.Column("event_seq", sa.Integer(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "applied",
                "confirmed",
                "known",
                "refused",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("problem", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'applied') = (event_seq IS NOT NULL)",
            name=op.f("ck_link_decision_applied_whole"),
        ),
        sa.CheckConstraint(
            "(outcome = 'refused') = (problem <> '')",
            name=op.f("ck_link_decision_reason"),
        ),
        sa.CheckConstraint(
            "outcome = 'refused' OR question_id IS NOT NULL",
            name=op.f("ck_link_decision_of_a_question"),
        ),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["link_answer.id"], name=op.f("fk_link_decision_answer_id")
        ),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["link_question.id"],
            name=op.f("fk_link_decision_question_id"),
        ),
        sa.PrimaryKeyConstraint("answer_id", "ordinal", name=op.f("pk_link_decision")),
    )
    op.create_index(
        "ix_link_decision_question",
        "link_decision",
        ["question_id", "event_seq"],
        unique=False,
    )
    op.create_index(
        "ix_link_decision_refused",
        "link_decision",
        ["economy", "destination", "answer_id"],
        unique=False,
        sqlite_where=sa.text("outcome = 'refused'"),
        postgresql_where=sa.text("outcome = 'refused'"),
    )
    op.create_index(
        "uq_link_decision_once",
        "link_decision",
        ["question_id", "seq"],
        unique=True,
        sqlite_where=sa.text("outcome IN ('applied', 'confirmed')"),
        postgresql_where=sa.text("outcome IN ('applied', 'confirmed')"),
    )
