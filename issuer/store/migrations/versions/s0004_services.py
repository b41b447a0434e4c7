"""Make room for other economies' systems: clients, tokens, answers taken, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what is new."""
    op.create_table(
        "destination_key",
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.String(length=300), nullable=False),
        sa.Column("issuer_url", sa.String(length=200), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("economy", "key_id", name=op.f("pk_destination_key")),
    )
    op.create_table(
        "service_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_service_token")),
    )
    op.create_index(
        "ix_service_token_ends_at", "service_token", ["ends_at"], unique=False
    )
    op.create_table(
        "webhook",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_to", _ID, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=40), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name="fk_webhook_economy"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index("ix_webhook_client", "webhook", ["economy", "client"], unique=False)
    op.create_table(
        "service_client",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("jwk", sa.String(length=300), nullable=True),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("hosts", sa.String(length=500), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("added_by", _ID, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", _ID, nullable=True),
        sa.Column("retired_by", _ID, nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(retired_by IS NULL) = (retired_at IS NULL)",
            name=op.f("ck_service_client_retired_whole"),
        ),
        sa.CheckConstraint(
            "confirmed_by <> added_by", name=op.f("ck_service_client_four_eyes")
        ),
        sa.CheckConstraint(
            "jwk IS NOT NULL OR certificate IS NOT NULL",
            name=op.f("ck_service_client_proves_itself"),
        ),
        sa.ForeignKeyConstraint(
            ["added_by"], ["account.id"], name=op.f("fk_service_client_added_by")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"],
            ["account.id"],
            name=op.f("fk_service_client_confirmed_by"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_service_client_economy")
        ),
        sa.ForeignKeyConstraint(
            ["retired_by"], ["account.id"], name=op.f("fk_service_client_retired_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_client")),
        sa.UniqueConstraint("client_id", name=op.f("uq_service_client_client_id")),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_service_client_id_economy")),
    )
    op.create_table(
        "submitted_application",
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_submitted_application_application_id"),
        ),
        sa.PrimaryKeyConstraint(
            "application_id", name=op.f("pk_submitted_application")
        ),
    )
    op.create_index(
        op.f("ix_submitted_application_client"),
        "submitted_application",
        ["client"],
        unique=False,
    )
    op.create_table(
        "held_submission",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("client", sa.String(length=80), nullable=False),
        sa.Column("number", sa.String(length=12), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("held_for", sa.String(length=60), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "entered",
                "put_away",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("application_id", _ID, nullable=True),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", _ID, nullable=True),
        sa.CheckConstraint(
            "(state = 'entered') = (application_id IS NOT NULL)",
            name=op.f("ck_held_submission_entered_whole"),
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (settled_by IS NULL)",
            name=op.f("ck_held_submission_settled_whole"),
        ),
        sa.CheckConstraint(
            "state = 'waiting' OR given = '{}'",
            name=op.f("ck_held_submission_forgotten"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_held_submission_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"],
            ["hosted_economy.code"],
            name=op.f("fk_held_submission_economy"),
        ),
        sa.ForeignKeyConstraint(
            ["settled_by"], ["account.id"], name=op.f("fk_held_submission_settled_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_submission")),
        sa.UniqueConstraint(
            "application_id", name=op.f("uq_held_submission_application_id")
        ),
        sa.UniqueConstraint("number", name=op.f("uq_held_submission_number")),
    )
    op.create_index(
        op.f("ix_held_submission_client"), "held_submission", ["client"], unique=False
    )
    op.create_index(
        "ix_held_submission_queue",
        "held_submission",
        ["economy", "state", "id"],
        unique=False,
    )
    op.create_table(
        "told_revision",
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("revision", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_told_revision_card_id")
        ),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_told_revision")),
    )
    op.create_table(
        "answer_taken",
        sa.Column("preclearance_id", _ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.Column("statement_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["preclearance_id"],
            ["preclearance.id"],
            name=op.f("fk_answer_taken_preclearance_id"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statement.id"],
            name=op.f("fk_answer_taken_statement_id"),
        ),
        sa.PrimaryKeyConstraint("preclearance_id", "seq", name=op.f("pk_answer_taken")),
        sa.UniqueConstraint(
            "preclearance_id",
            "event_seq",
            name=op.f("uq_answer_taken_preclearance_id_event_seq"),
        ),
    )
    op.add_column("statement", sa.Column("issuer", sa.String(length=3), nullable=True))
    op.create_index(
        "ix_statement_feed", "statement", ["economy", "issuer", "id"], unique=False
    )
