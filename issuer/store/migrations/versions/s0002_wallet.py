"""Make room for holders' phones: offers, phones, counters, and what is used once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SQLITE = (
    """CREATE TRIGGER tr_offer_final BEFORE UPDATE ON offer FOR EACH ROW WHEN ((OLD.state <> 'open' AND NEW.state <> OLD.state) OR NEW.wrong < OLD.wrong OR NEW.code_hash <> OLD.code_hash OR NEW.card_id <> OLD.card_id) BEGIN SELECT RAISE(ABORT, 'tr_offer_final'); END""",
    """CREATE TRIGGER tr_offer_kept BEFORE DELETE ON offer FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_offer_kept'); END""",
)

_POSTGRESQL = (
    """CREATE TRIGGER tr_offer_final BEFORE UPDATE ON offer FOR EACH ROW WHEN ((OLD.state <> 'open' AND NEW.state <> OLD.state) OR NEW.wrong < OLD.wrong OR NEW.code_hash <> OLD.code_hash OR NEW.card_id <> OLD.card_id) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_offer_kept BEFORE DELETE ON offer FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
)


def upgrade() -> None:
    """Make what is new."""
    _make_tables()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        op.execute(statement)


def _make_tables() -> None:
    op.create_table(
        "used_once",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_used_once")),
    )
    op.create_index("ix_used_once_ends_at", "used_once", ["ends_at"], unique=False)
    op.create_table(
        "offer",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "taken",
                "dead",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("reference_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("one_time_mark", sa.String(length=43), nullable=True),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("phone_key", sa.String(length=43), nullable=True),
        sa.Column("lost_mark", sa.String(length=43), nullable=True),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "wrong < 5 OR state IN ('dead', 'cancelled')", name=op.f("ck_offer_dead")
        ),
        sa.CheckConstraint(
            "(one_time_mark IS NULL) = (phone_key IS NOT NULL)",
            name=op.f("ck_offer_proven"),
        ),
        sa.CheckConstraint("made_by <> approved_by", name=op.f("ck_offer_four_eyes")),
        sa.CheckConstraint("wrong BETWEEN 0 AND 5", name=op.f("ck_offer_wrong")),
        sa.ForeignKeyConstraint(
            ["card_id", "economy"], ["card.id", "card.economy"], name="fk_offer_card"
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["account.id"], name=op.f("fk_offer_made_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_offer_code_hash")),
        sa.UniqueConstraint("reference_hash", name=op.f("uq_offer_reference_hash")),
    )
    op.create_index("ix_offer_card_id", "offer", ["card_id", "id"], unique=False)
    op.create_index("ix_offer_queue", "offer", ["economy", "id"], unique=False)
    op.create_index(
        "uq_offer_open",
        "offer",
        ["card_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "counter_phone",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=43), nullable=False),
        sa.Column("offer_id", _ID, nullable=True),
        sa.Column("sealed_reference", sa.String(length=200), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_counter_phone_offer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter_phone")),
    )
    op.create_index(
        "ix_counter_phone_ends_at", "counter_phone", ["ends_at"], unique=False
    )
    op.create_index(
        "uq_counter_phone_number", "counter_phone", ["economy", "number"], unique=True
    )
    op.create_table(
        "phone",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("offer_id", _ID, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "asking",
                "asked",
                "declined",
                "ended",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("key", sa.String(length=43), nullable=False),
        sa.Column("access_hash", sa.LargeBinary(), nullable=True),
        sa.Column("access_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=True),
        sa.Column("refresh_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_proven", sa.Boolean(), nullable=False),
        sa.Column("holder_key", sa.String(length=200), nullable=True),
        sa.Column("transaction_hash", sa.LargeBinary(), nullable=True),
        sa.Column("issue_id", _ID, nullable=True),
        sa.Column("told", sa.String(length=24), nullable=True),
        sa.Column("lost_wrong", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "lost_wrong BETWEEN 0 AND 5", name=op.f("ck_phone_lost_wrong")
        ),
        sa.ForeignKeyConstraint(
            ["card_id", "economy"], ["card.id", "card.economy"], name="fk_phone_card"
        ),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issue.id"], name=op.f("fk_phone_issue_id")
        ),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offer.id"], name=op.f("fk_phone_offer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone")),
        sa.UniqueConstraint("access_hash", name=op.f("uq_phone_access_hash")),
        sa.UniqueConstraint("offer_id", name=op.f("uq_phone_offer_id")),
        sa.UniqueConstraint("refresh_hash", name=op.f("uq_phone_refresh_hash")),
        sa.UniqueConstraint("transaction_hash", name=op.f("uq_phone_transaction_hash")),
    )
    op.create_index("ix_phone_card_id", "phone", ["card_id", "id"], unique=False)
    op.create_index(
        "ix_credential_holder_key",
        "credential",
        ["holder_key"],
        unique=False,
        sqlite_where=sa.text("holder_key IS NOT NULL"),
        postgresql_where=sa.text("holder_key IS NOT NULL"),
    )
