"""Make room for applicants online: who they are, what they begin, what they pay."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make what is new."""
    op.create_table(
        "applicant",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_applicant_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applicant")),
        sa.UniqueConstraint(
            "economy", "email", name=op.f("uq_applicant_economy_email")
        ),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_applicant_id_economy")),
    )
    op.create_table(
        "applicant_session",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("applicant_id", _ID, nullable=True),
        sa.Column("code_mark", sa.String(length=64), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asker", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["applicant_id"],
            ["applicant.id"],
            name=op.f("fk_applicant_session_applicant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"],
            ["hosted_economy.code"],
            name=op.f("fk_applicant_session_economy"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applicant_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_applicant_session_token_hash")),
    )
    op.create_index(
        op.f("ix_applicant_session_applicant_id"),
        "applicant_session",
        ["applicant_id"],
        unique=False,
    )
    op.create_index(
        "ix_applicant_session_asked",
        "applicant_session",
        ["economy", "email", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_applicant_session_seen_at", "applicant_session", ["seen_at"], unique=False
    )
    op.create_table(
        "portal_opening",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", _ID, nullable=False),
        sa.Column("closed_by", _ID, nullable=True),
        sa.CheckConstraint(
            "closes_at >= opens_at", name=op.f("ck_portal_opening_in_order")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_portal_opening_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["closed_by"], ["account.id"], name=op.f("fk_portal_opening_closed_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_portal_opening_economy")
        ),
        sa.ForeignKeyConstraint(
            ["opened_by"], ["account.id"], name=op.f("fk_portal_opening_opened_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_opening")),
    )
    op.create_index(
        op.f("ix_portal_opening_economy"), "portal_opening", ["economy"], unique=False
    )
    op.create_table(
        "online_application",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("applicant_id", _ID, nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "held",
                "submitted",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.Enum(
                "new",
                "renewal",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("renews_card_id", _ID, nullable=True),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("photo", sa.Text(), nullable=True),
        sa.Column("declaration_version", sa.String(length=40), nullable=True),
        sa.Column("declaration_text", sa.Text(), nullable=True),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_for", sa.String(length=60), nullable=True),
        sa.Column("application_id", _ID, nullable=True),
        sa.CheckConstraint(
            "(state = 'submitted') = (application_id IS NOT NULL)",
            name=op.f("ck_online_application_entered"),
        ),
        sa.CheckConstraint(
            "state = 'draft' OR submitted_at IS NOT NULL",
            name=op.f("ck_online_application_handed_in"),
        ),
        sa.ForeignKeyConstraint(
            ["applicant_id"],
            ["applicant.id"],
            name=op.f("fk_online_application_applicant_id"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_online_application_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"],
            ["hosted_economy.code"],
            name=op.f("fk_online_application_economy"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_application")),
        sa.UniqueConstraint(
            "application_id", name=op.f("uq_online_application_application_id")
        ),
        sa.UniqueConstraint("reference", name=op.f("uq_online_application_reference")),
    )
    op.create_index(
        op.f("ix_online_application_applicant_id"),
        "online_application",
        ["applicant_id"],
        unique=False,
    )
    op.create_index(
        "ix_online_application_queue",
        "online_application",
        ["economy", "state", "changed_at", "id"],
        unique=False,
    )
    op.create_table(
        "online_file",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("online_id", _ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "portrait",
                "signature",
                "passport",
                "police_certificate",
                "employment",
                "recommendation",
                "other",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["online_id"],
            ["online_application.id"],
            name=op.f("fk_online_file_online_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_file")),
    )
    op.create_index(
        op.f("ix_online_file_online_id"), "online_file", ["online_id"], unique=False
    )
    op.create_table(
        "online_payment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("online_id", _ID, nullable=True),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.String(length=24), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "due",
                "told",
                "received",
                "refunded",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("told", sa.String(length=100), nullable=False),
        sa.Column("receipt", sa.String(length=100), nullable=False),
        sa.Column("settled_by", _ID, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('received', 'refunded') OR settled_by IS NOT NULL",
            name=op.f("ck_online_payment_settled"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_online_payment_economy")
        ),
        sa.ForeignKeyConstraint(
            ["online_id"],
            ["online_application.id"],
            name=op.f("fk_online_payment_online_id"),
        ),
        sa.ForeignKeyConstraint(
            ["settled_by"], ["account.id"], name=op.f("fk_online_payment_settled_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_payment")),
        sa.UniqueConstraint("online_id", name=op.f("uq_online_payment_online_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_online_payment_reference")),
    )
    op.create_index(
        "ix_online_payment_queue",
        "online_payment",
        ["economy", "state", "changed_at", "id"],
        unique=False,
    )
