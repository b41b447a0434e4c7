"""Make room for officers' devices, and for the rows of their logs that are collected."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SQLITE = (
    """CREATE TRIGGER tr_device_final BEFORE UPDATE ON device FOR EACH ROW WHEN ((OLD.retired_at IS NOT NULL AND NEW.retired_at IS NULL) OR NEW.public_key <> OLD.public_key OR NEW.economy <> OLD.economy) BEGIN SELECT RAISE(ABORT, 'tr_device_final'); END""",
    """CREATE TRIGGER tr_device_kept BEFORE DELETE ON device FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_device_kept'); END""",
    """CREATE TRIGGER tr_collected_log_grows BEFORE UPDATE ON collected_log FOR EACH ROW WHEN (NEW.head_seq < OLD.head_seq OR NEW.removed_to < OLD.removed_to OR NEW.log <> OLD.log OR NEW.device_id <> OLD.device_id OR (NEW.head_seq = OLD.head_seq AND NEW.head_digest <> OLD.head_digest)) BEGIN SELECT RAISE(ABORT, 'tr_collected_log_grows'); END""",
    """CREATE TRIGGER tr_collected_row_unchanged BEFORE UPDATE ON collected_row FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_collected_row_unchanged'); END""",
    """CREATE TRIGGER tr_collected_finding_kept BEFORE DELETE ON collected_finding FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_collected_finding_kept'); END""",
)

_POSTGRESQL = (
    """CREATE TRIGGER tr_device_final BEFORE UPDATE ON device FOR EACH ROW WHEN ((OLD.retired_at IS NOT NULL AND NEW.retired_at IS NULL) OR NEW.public_key <> OLD.public_key OR NEW.economy <> OLD.economy) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_device_kept BEFORE DELETE ON device FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_collected_log_grows BEFORE UPDATE ON collected_log FOR EACH ROW WHEN (NEW.head_seq < OLD.head_seq OR NEW.removed_to < OLD.removed_to OR NEW.log <> OLD.log OR NEW.device_id <> OLD.device_id OR (NEW.head_seq = OLD.head_seq AND NEW.head_digest <> OLD.head_digest)) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_collected_row_unchanged BEFORE UPDATE ON collected_row FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_collected_finding_kept BEFORE DELETE ON collected_finding FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
)


def upgrade() -> None:
    """Make what is new."""
    _make_tables()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        op.execute(statement)


def _make_tables() -> None:
    op.create_table(
        "device",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.String(length=43), nullable=False),
        sa.Column("enrolled_by", _ID, nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_by", _ID, nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(retired_by IS NULL) = (retired_at IS NULL)",
            name=op.f("ck_device_retired_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_device_economy")
        ),
        sa.ForeignKeyConstraint(
            ["enrolled_by"], ["account.id"], name=op.f("fk_device_enrolled_by")
        ),
        sa.ForeignKeyConstraint(
            ["retired_by"], ["account.id"], name=op.f("fk_device_retired_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("economy", "name", name=op.f("uq_device_economy_name")),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_device_id_economy")),
        sa.UniqueConstraint("public_key", name=op.f("uq_device_public_key")),
    )
    op.create_table(
        "collected_log",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("device_id", _ID, nullable=False),
        sa.Column("log", sa.String(length=16), nullable=False),
        sa.Column("head_seq", _ID, nullable=False),
        sa.Column("head_digest", sa.String(length=64), nullable=False),
        sa.Column("removed_to", _ID, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id", "economy"],
            ["device.id", "device.economy"],
            name="fk_collected_log_device",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collected_log")),
        sa.UniqueConstraint(
            "device_id", "log", name=op.f("uq_collected_log_device_id_log")
        ),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_collected_log_id_economy")),
    )
    op.create_table(
        "collected_finding",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("log_id", _ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "gap",
                "rollback",
                "fork",
                "new_log",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("first", _ID, nullable=False),
        sa.Column("last", _ID, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("first <= last", name=op.f("ck_collected_finding_range")),
        sa.ForeignKeyConstraint(
            ["log_id", "economy"],
            ["collected_log.id", "collected_log.economy"],
            name="fk_collected_finding_log",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collected_finding")),
        sa.UniqueConstraint(
            "log_id",
            "kind",
            "first",
            "last",
            name=op.f("uq_collected_finding_log_id_kind_first_last"),
        ),
    )
    op.create_index(
        "ix_collected_finding_economy",
        "collected_finding",
        ["economy", "id"],
        unique=False,
    )
    op.create_table(
        "collected_row",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("log_id", _ID, nullable=False),
        sa.Column("seq", _ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("scans", _ID, nullable=False),
        sa.Column("text", sa.String(length=600), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["log_id", "economy"],
            ["collected_log.id", "collected_log.economy"],
            name="fk_collected_row_log",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collected_row")),
        sa.UniqueConstraint(
            "log_id", "seq", "digest", name=op.f("uq_collected_row_log_id_seq_digest")
        ),
    )
    op.create_index(
        "ix_collected_row_day", "collected_row", ["economy", "day"], unique=False
    )
    op.create_index(
        "ix_collected_row_received_at",
        "collected_row",
        ["economy", "received_at"],
        unique=False,
    )
