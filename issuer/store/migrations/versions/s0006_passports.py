"""Make room for an economy's register of its passports, and for hits."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SQLITE = (
    """CREATE TRIGGER tr_passport_hit_final BEFORE UPDATE ON passport_hit FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL OR NEW.reference <> OLD.reference OR NEW.economy <> OLD.economy) BEGIN SELECT RAISE(ABORT, 'tr_passport_hit_final'); END""",
)

_POSTGRESQL = (
    """CREATE TRIGGER tr_passport_hit_final BEFORE UPDATE ON passport_hit FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL OR NEW.reference <> OLD.reference OR NEW.economy <> OLD.economy) EXECUTE FUNCTION abtc_refuse()""",
)


def upgrade() -> None:
    """Make what is new."""
    _make_tables()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        op.execute(statement)


def _word(name: str, *words: str) -> sa.Enum:
    return sa.Enum(
        *words, name=name, native_enum=False, create_constraint=True, length=24
    )


def _make_tables() -> None:
    op.create_table(
        "registered_passport",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=False),
        sa.Column("number", sa.String(length=22), nullable=False),
        sa.Column("folded", sa.String(length=22), nullable=False),
        sa.Column("birthdate", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column(
            "state",
            _word("state", "valid", "lost", "stolen", "invalid"),
            nullable=False,
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["economy"],
            ["hosted_economy.code"],
            name=op.f("fk_registered_passport_economy"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registered_passport")),
        sa.UniqueConstraint(
            "economy",
            "country",
            "number",
            name=op.f("uq_registered_passport_economy_country_number"),
        ),
    )
    op.create_index(
        "ix_registered_passport_folded",
        "registered_passport",
        ["economy", "country", "folded"],
        unique=False,
    )
    op.create_table(
        "passport_hit",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("side", _word("side", "owner", "asker"), nullable=False),
        sa.Column("other", sa.String(length=3), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column(
            "state",
            _word("state", "valid", "lost", "stolen", "invalid"),
            nullable=False,
        ),
        sa.Column("register_id", _ID, nullable=True),
        sa.Column("asked_from", sa.String(length=80), nullable=True),
        sa.Column("contact", sa.String(length=200), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", _ID, nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "(closed_by IS NULL) = (closed_at IS NULL)",
            name=op.f("ck_passport_hit_closed_whole"),
        ),
        sa.CheckConstraint(
            "(side = 'owner') = (register_id IS NOT NULL)",
            name=op.f("ck_passport_hit_own_entry"),
        ),
        sa.CheckConstraint("state <> 'valid'", name=op.f("ck_passport_hit_is_hit")),
        sa.ForeignKeyConstraint(
            ["closed_by"], ["account.id"], name=op.f("fk_passport_hit_closed_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_passport_hit_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passport_hit")),
        sa.UniqueConstraint(
            "economy",
            "side",
            "reference",
            name=op.f("uq_passport_hit_economy_side_reference"),
        ),
    )
    op.create_index(
        "ix_passport_hit_queue",
        "passport_hit",
        ["economy", "closed_at", "id"],
        unique=False,
    )
    op.create_table(
        "passport_count",
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("side", _word("side", "owner", "asker"), nullable=False),
        sa.Column("other", sa.String(length=3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("count", _ID, nullable=False),
        sa.PrimaryKeyConstraint(
            "economy", "side", "other", "day", "status", name=op.f("pk_passport_count")
        ),
    )
