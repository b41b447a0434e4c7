"""Make room for mails that have to be sent, and for what holders ask staff for."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Make what is new."""
    _make_mail()
    _make_requests()


def _make_mail() -> None:
    op.create_table(
        "mail",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("once_key", sa.String(length=100), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "sent",
                "dead",
                "dropped",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=40), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('waiting', 'dead')) = (recipient IS NOT NULL)",
            name=op.f("ck_mail_addressed"),
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (settled_at IS NULL)",
            name=op.f("ck_mail_settled_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_mail_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("reference", name=op.f("uq_mail_reference")),
        sa.UniqueConstraint(
            "economy", "once_key", name=op.f("uq_mail_economy_once_key")
        ),
    )
    op.create_index(
        "ix_mail_due",
        "mail",
        ["next_at", "id"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_mail_state", "mail", ["economy", "state", "id"])


def _make_requests() -> None:
    op.create_table(
        "holder_request",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("applicant_id", _ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "new_passport",
                "lost_phone",
                "lost_plastic",
                "lost_card",
                "renewal",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "done",
                "declined",
                "taken_back",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("suspended", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", _ID, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (settled_at IS NULL)",
            name=op.f("ck_holder_request_settled_whole"),
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'declined')) = (settled_by IS NOT NULL)",
            name=op.f("ck_holder_request_by_staff"),
        ),
        sa.ForeignKeyConstraint(
            ["card_id", "economy"],
            ["card.id", "card.economy"],
            name="fk_holder_request_card",
        ),
        sa.ForeignKeyConstraint(
            ["applicant_id", "economy"],
            ["applicant.id", "applicant.economy"],
            name="fk_holder_request_applicant",
        ),
        sa.ForeignKeyConstraint(
            ["economy"],
            ["hosted_economy.code"],
            name=op.f("fk_holder_request_economy"),
        ),
        sa.ForeignKeyConstraint(
            ["settled_by"], ["account.id"], name=op.f("fk_holder_request_settled_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holder_request")),
    )
    op.create_index(
        "ix_holder_request_queue",
        "holder_request",
        ["economy", "state", "made_at", "id"],
    )
    op.create_index("ix_holder_request_card_id", "holder_request", ["card_id", "id"])
    op.create_index(
        "uq_holder_request_waiting",
        "holder_request",
        ["card_id", "kind"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
