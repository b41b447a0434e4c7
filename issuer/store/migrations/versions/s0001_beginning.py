"""Make every table, index and trigger.

Frozen: what changes the shape of the database from here on is a step of its own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SQLITE = (
    """CREATE TRIGGER tr_audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_audit_unchanged'); END""",
    """CREATE TRIGGER tr_audit_kept BEFORE DELETE ON audit FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_audit_kept'); END""",
    """CREATE TRIGGER tr_application_hand_unchanged BEFORE UPDATE ON application_hand FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_application_hand_unchanged'); END""",
    """CREATE TRIGGER tr_application_hand_kept BEFORE DELETE ON application_hand FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_application_hand_kept'); END""",
    """CREATE TRIGGER tr_preclearance_event_unchanged BEFORE UPDATE ON preclearance_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_preclearance_event_unchanged'); END""",
    """CREATE TRIGGER tr_preclearance_event_kept BEFORE DELETE ON preclearance_event FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_preclearance_event_kept'); END""",
    """CREATE TRIGGER tr_statement_unchanged BEFORE UPDATE ON statement FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_statement_unchanged'); END""",
    """CREATE TRIGGER tr_statement_kept BEFORE DELETE ON statement FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_statement_kept'); END""",
    """CREATE TRIGGER tr_stray_index_unchanged BEFORE UPDATE ON stray_index FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_stray_index_unchanged'); END""",
    """CREATE TRIGGER tr_stray_index_kept BEFORE DELETE ON stray_index FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_stray_index_kept'); END""",
    """CREATE TRIGGER tr_account_confirmed BEFORE UPDATE ON account FOR EACH ROW WHEN (OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL) BEGIN SELECT RAISE(ABORT, 'tr_account_confirmed'); END""",
    """CREATE TRIGGER tr_account_role_confirmed BEFORE UPDATE ON account_role FOR EACH ROW WHEN (OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL) BEGIN SELECT RAISE(ABORT, 'tr_account_role_confirmed'); END""",
    """CREATE TRIGGER tr_api_key_confirmed BEFORE UPDATE ON api_key FOR EACH ROW WHEN (OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL) BEGIN SELECT RAISE(ABORT, 'tr_api_key_confirmed'); END""",
    """CREATE TRIGGER tr_account_role_by_two BEFORE INSERT ON account_role FOR EACH ROW WHEN (NOT NEW.waits) AND (EXISTS (SELECT 1 FROM account AS a JOIN hosted_economy AS h ON h.code = a.economy WHERE a.id = NEW.account_id AND h.four_eyes_since IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account AS g WHERE g.id = NEW.given_by AND g.kind = 'system'))) BEGIN SELECT RAISE(ABORT, 'tr_account_role_by_two'); END""",
    """CREATE TRIGGER tr_hosted_economy_four_eyes BEFORE UPDATE ON hosted_economy FOR EACH ROW WHEN (OLD.four_eyes_since IS NOT NULL AND NEW.four_eyes_since IS NULL) BEGIN SELECT RAISE(ABORT, 'tr_hosted_economy_four_eyes'); END""",
    """CREATE TRIGGER tr_application_decided_by_own_hand BEFORE UPDATE ON application FOR EACH ROW WHEN (NEW.decided_by IS NOT NULL) AND (EXISTS (SELECT 1 FROM application_hand AS h WHERE h.application_id = NEW.id AND h.account_id = NEW.decided_by)) BEGIN SELECT RAISE(ABORT, 'tr_application_decided_by_own_hand'); END""",
    """CREATE TRIGGER tr_application_hand_late BEFORE INSERT ON application_hand FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM application AS a WHERE a.id = NEW.application_id AND a.decided_by IS NOT NULL)) BEGIN SELECT RAISE(ABORT, 'tr_application_hand_late'); END""",
    """CREATE TRIGGER tr_card_final BEFORE UPDATE ON card FOR EACH ROW WHEN (OLD.state IN ('lost', 'cancelled', 'superseded', 'expired') AND NEW.state <> OLD.state) BEGIN SELECT RAISE(ABORT, 'tr_card_final'); END""",
    """CREATE TRIGGER tr_card_kept BEFORE DELETE ON card FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_card_kept'); END""",
    """CREATE TRIGGER tr_credential_final BEFORE UPDATE ON credential FOR EACH ROW WHEN (OLD.state IN ('revoked', 'superseded', 'void', 'expired') AND NEW.state <> OLD.state) BEGIN SELECT RAISE(ABORT, 'tr_credential_final'); END""",
    """CREATE TRIGGER tr_credential_restored_for_a_reason BEFORE UPDATE ON credential FOR EACH ROW WHEN (OLD.state = 'suspended' AND NEW.state = 'valid' AND (NEW.state_reason IS NULL OR trim(NEW.state_reason) = '' OR NEW.state_reason = OLD.state_reason)) BEGIN SELECT RAISE(ABORT, 'tr_credential_restored_for_a_reason'); END""",
    """CREATE TRIGGER tr_credential_binding BEFORE UPDATE ON credential FOR EACH ROW WHEN (NEW.economy <> OLD.economy OR NEW.card_id <> OLD.card_id OR NEW.form <> OLD.form OR NEW.list_number <> OLD.list_number OR NEW.list_index <> OLD.list_index OR NEW.document_number <> OLD.document_number OR COALESCE(NEW.holder_key, '') <> COALESCE(OLD.holder_key, '')) BEGIN SELECT RAISE(ABORT, 'tr_credential_binding'); END""",
    """CREATE TRIGGER tr_credential_kept BEFORE DELETE ON credential FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_credential_kept'); END""",
    """CREATE TRIGGER tr_foreign_credential_of_another BEFORE INSERT ON foreign_credential FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM card AS c WHERE c.id = NEW.card_id AND (c.told_to IS NULL OR c.told_to <> NEW.told_to OR c.economy <> NEW.economy))) BEGIN SELECT RAISE(ABORT, 'tr_foreign_credential_of_another'); END""",
    """CREATE TRIGGER tr_foreign_credential_final BEFORE UPDATE ON foreign_credential FOR EACH ROW WHEN (OLD.state IN ('revoked', 'superseded', 'void', 'expired') AND NEW.state <> OLD.state) BEGIN SELECT RAISE(ABORT, 'tr_foreign_credential_final'); END""",
    """CREATE TRIGGER tr_foreign_credential_binding BEFORE UPDATE ON foreign_credential FOR EACH ROW WHEN (NEW.card_id <> OLD.card_id OR NEW.told_to <> OLD.told_to OR NEW.economy <> OLD.economy OR NEW.form <> OLD.form OR NEW.list_number <> OLD.list_number OR NEW.list_index <> OLD.list_index) BEGIN SELECT RAISE(ABORT, 'tr_foreign_credential_binding'); END""",
    """CREATE TRIGGER tr_foreign_credential_kept BEFORE DELETE ON foreign_credential FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_foreign_credential_kept'); END""",
    """CREATE TRIGGER tr_issue_unchanged BEFORE UPDATE ON issue FOR EACH ROW WHEN (OLD.state <> 'intended' OR NEW.header <> OLD.header OR NEW.payload <> OLD.payload OR NEW.key_id <> OLD.key_id OR NEW.requested_by <> OLD.requested_by) BEGIN SELECT RAISE(ABORT, 'tr_issue_unchanged'); END""",
    """CREATE TRIGGER tr_issue_kept BEFORE DELETE ON issue FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_issue_kept'); END""",
    """CREATE TRIGGER tr_status_list_grows BEFORE UPDATE ON status_list FOR EACH ROW WHEN (NEW.used < OLD.used OR NEW.capacity <> OLD.capacity OR (OLD.is_closed AND NOT NEW.is_closed) OR (OLD.ends_unknown AND NOT NEW.ends_unknown)) BEGIN SELECT RAISE(ABORT, 'tr_status_list_grows'); END""",
    """CREATE TRIGGER tr_issue_after_restore BEFORE INSERT ON issue FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM restoration AS r WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL)) BEGIN SELECT RAISE(ABORT, 'tr_issue_after_restore'); END""",
    """CREATE TRIGGER tr_issue_signed_after_restore BEFORE UPDATE ON issue FOR EACH ROW WHEN (NEW.state = 'signed') AND (EXISTS (SELECT 1 FROM restoration AS r WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL)) BEGIN SELECT RAISE(ABORT, 'tr_issue_signed_after_restore'); END""",
    """CREATE TRIGGER tr_publication_after_restore BEFORE INSERT ON publication FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM restoration AS r WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL)) BEGIN SELECT RAISE(ABORT, 'tr_publication_after_restore'); END""",
    """CREATE TRIGGER tr_restoration_final BEFORE UPDATE ON restoration FOR EACH ROW WHEN (OLD.reconciled_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'tr_restoration_final'); END""",
    """CREATE TRIGGER tr_restoration_kept BEFORE DELETE ON restoration FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_restoration_kept'); END""",
    """CREATE TRIGGER tr_credential_index_stray BEFORE INSERT ON credential FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM stray_index AS s WHERE s.economy = NEW.economy AND s.list_number = NEW.list_number AND s.list_index = NEW.list_index)) BEGIN SELECT RAISE(ABORT, 'tr_credential_index_stray'); END""",
    """CREATE TRIGGER tr_credential_list_closed BEFORE INSERT ON credential FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM status_list AS l WHERE l.economy = NEW.economy AND l.number = NEW.list_number AND l.is_closed)) BEGIN SELECT RAISE(ABORT, 'tr_credential_list_closed'); END""",
    """CREATE TRIGGER tr_credential_while_suspended BEFORE INSERT ON credential FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM suspension AS s LEFT JOIN credential AS c ON c.id = s.credential_id WHERE s.card_id = NEW.card_id AND s.lifted_at IS NULL AND (s.credential_id IS NULL OR c.form = NEW.form OR c.id = NEW.replaces_id))) BEGIN SELECT RAISE(ABORT, 'tr_credential_while_suspended'); END""",
    """CREATE TRIGGER tr_import_run_goes_on BEFORE UPDATE ON import_run FOR EACH ROW WHEN (NEW.last_line < OLD.last_line OR NEW.fingerprint <> OLD.fingerprint OR NEW.at <> OLD.at) BEGIN SELECT RAISE(ABORT, 'tr_import_run_goes_on'); END""",
    """CREATE TRIGGER tr_import_run_kept BEFORE DELETE ON import_run FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_import_run_kept'); END""",
)

_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION abtc_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$""",
    """CREATE TRIGGER tr_audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_audit_kept BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_application_hand_unchanged BEFORE UPDATE ON application_hand FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_application_hand_kept BEFORE DELETE ON application_hand FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_preclearance_event_unchanged BEFORE UPDATE ON preclearance_event FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_preclearance_event_kept BEFORE DELETE ON preclearance_event FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_statement_unchanged BEFORE UPDATE ON statement FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_statement_kept BEFORE DELETE ON statement FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_stray_index_unchanged BEFORE UPDATE ON stray_index FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_stray_index_kept BEFORE DELETE ON stray_index FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_account_confirmed BEFORE UPDATE ON account FOR EACH ROW WHEN (OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_account_role_confirmed BEFORE UPDATE ON account_role FOR EACH ROW WHEN (OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_api_key_confirmed BEFORE UPDATE ON api_key FOR EACH ROW WHEN (OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_account_role_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM account AS a JOIN hosted_economy AS h ON h.code = a.economy WHERE a.id = NEW.account_id AND h.four_eyes_since IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account AS g WHERE g.id = NEW.given_by AND g.kind = 'system')) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_account_role_by_two BEFORE INSERT ON account_role FOR EACH ROW WHEN (NOT NEW.waits) EXECUTE FUNCTION abtc_tr_account_role_by_two()""",
    """CREATE TRIGGER tr_hosted_economy_four_eyes BEFORE UPDATE ON hosted_economy FOR EACH ROW WHEN (OLD.four_eyes_since IS NOT NULL AND NEW.four_eyes_since IS NULL) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_application_decided_by_own_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM application_hand AS h WHERE h.application_id = NEW.id AND h.account_id = NEW.decided_by) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_application_decided_by_own_hand BEFORE UPDATE ON application FOR EACH ROW WHEN (NEW.decided_by IS NOT NULL) EXECUTE FUNCTION abtc_tr_application_decided_by_own_hand()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_application_hand_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM application AS a WHERE a.id = NEW.application_id AND a.decided_by IS NOT NULL) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_application_hand_late BEFORE INSERT ON application_hand FOR EACH ROW EXECUTE FUNCTION abtc_tr_application_hand_late()""",
    """CREATE TRIGGER tr_card_final BEFORE UPDATE ON card FOR EACH ROW WHEN (OLD.state IN ('lost', 'cancelled', 'superseded', 'expired') AND NEW.state <> OLD.state) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_card_kept BEFORE DELETE ON card FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_credential_final BEFORE UPDATE ON credential FOR EACH ROW WHEN (OLD.state IN ('revoked', 'superseded', 'void', 'expired') AND NEW.state <> OLD.state) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_credential_restored_for_a_reason BEFORE UPDATE ON credential FOR EACH ROW WHEN (OLD.state = 'suspended' AND NEW.state = 'valid' AND (NEW.state_reason IS NULL OR trim(NEW.state_reason) = '' OR NEW.state_reason = OLD.state_reason)) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_credential_binding BEFORE UPDATE ON credential FOR EACH ROW WHEN (NEW.economy <> OLD.economy OR NEW.card_id <> OLD.card_id OR NEW.form <> OLD.form OR NEW.list_number <> OLD.list_number OR NEW.list_index <> OLD.list_index OR NEW.document_number <> OLD.document_number OR COALESCE(NEW.holder_key, '') <> COALESCE(OLD.holder_key, '')) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_credential_kept BEFORE DELETE ON credential FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_foreign_credential_of_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM card AS c WHERE c.id = NEW.card_id AND (c.told_to IS NULL OR c.told_to <> NEW.told_to OR c.economy <> NEW.economy)) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_foreign_credential_of_another BEFORE INSERT ON foreign_credential FOR EACH ROW EXECUTE FUNCTION abtc_tr_foreign_credential_of_another()""",
    """CREATE TRIGGER tr_foreign_credential_final BEFORE UPDATE ON foreign_credential FOR EACH ROW WHEN (OLD.state IN ('revoked', 'superseded', 'void', 'expired') AND NEW.state <> OLD.state) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_foreign_credential_binding BEFORE UPDATE ON foreign_credential FOR EACH ROW WHEN (NEW.card_id <> OLD.card_id OR NEW.told_to <> OLD.told_to OR NEW.economy <> OLD.economy OR NEW.form <> OLD.form OR NEW.list_number <> OLD.list_number OR NEW.list_index <> OLD.list_index) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_foreign_credential_kept BEFORE DELETE ON foreign_credential FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_issue_unchanged BEFORE UPDATE ON issue FOR EACH ROW WHEN (OLD.state <> 'intended' OR NEW.header <> OLD.header OR NEW.payload <> OLD.payload OR NEW.key_id <> OLD.key_id OR NEW.requested_by <> OLD.requested_by) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_issue_kept BEFORE DELETE ON issue FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_status_list_grows BEFORE UPDATE ON status_list FOR EACH ROW WHEN (NEW.used < OLD.used OR NEW.capacity <> OLD.capacity OR (OLD.is_closed AND NOT NEW.is_closed) OR (OLD.ends_unknown AND NOT NEW.ends_unknown)) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_issue_after_restore() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM restoration AS r WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_issue_after_restore BEFORE INSERT ON issue FOR EACH ROW EXECUTE FUNCTION abtc_tr_issue_after_restore()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_issue_signed_after_restore() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM restoration AS r WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_issue_signed_after_restore BEFORE UPDATE ON issue FOR EACH ROW WHEN (NEW.state = 'signed') EXECUTE FUNCTION abtc_tr_issue_signed_after_restore()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_publication_after_restore() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM restoration AS r WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_publication_after_restore BEFORE INSERT ON publication FOR EACH ROW EXECUTE FUNCTION abtc_tr_publication_after_restore()""",
    """CREATE TRIGGER tr_restoration_final BEFORE UPDATE ON restoration FOR EACH ROW WHEN (OLD.reconciled_at IS NOT NULL) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_restoration_kept BEFORE DELETE ON restoration FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_credential_index_stray() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM stray_index AS s WHERE s.economy = NEW.economy AND s.list_number = NEW.list_number AND s.list_index = NEW.list_index) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_credential_index_stray BEFORE INSERT ON credential FOR EACH ROW EXECUTE FUNCTION abtc_tr_credential_index_stray()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_credential_list_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM status_list AS l WHERE l.economy = NEW.economy AND l.number = NEW.list_number AND l.is_closed) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_credential_list_closed BEFORE INSERT ON credential FOR EACH ROW EXECUTE FUNCTION abtc_tr_credential_list_closed()""",
    """CREATE OR REPLACE FUNCTION abtc_tr_credential_while_suspended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM suspension AS s LEFT JOIN credential AS c ON c.id = s.credential_id WHERE s.card_id = NEW.card_id AND s.lifted_at IS NULL AND (s.credential_id IS NULL OR c.form = NEW.form OR c.id = NEW.replaces_id)) THEN
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  END IF; RETURN NEW;
END $$""",
    """CREATE TRIGGER tr_credential_while_suspended BEFORE INSERT ON credential FOR EACH ROW EXECUTE FUNCTION abtc_tr_credential_while_suspended()""",
    """CREATE TRIGGER tr_import_run_goes_on BEFORE UPDATE ON import_run FOR EACH ROW WHEN (NEW.last_line < OLD.last_line OR NEW.fingerprint <> OLD.fingerprint OR NEW.at <> OLD.at) EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_import_run_kept BEFORE DELETE ON import_run FOR EACH ROW EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_audit_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_application_hand_not_emptied BEFORE TRUNCATE ON application_hand FOR EACH STATEMENT EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_preclearance_event_not_emptied BEFORE TRUNCATE ON preclearance_event FOR EACH STATEMENT EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_statement_not_emptied BEFORE TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION abtc_refuse()""",
    """CREATE TRIGGER tr_stray_index_not_emptied BEFORE TRUNCATE ON stray_index FOR EACH STATEMENT EXECUTE FUNCTION abtc_refuse()""",
)


def upgrade() -> None:
    """Make everything in an empty database."""
    _make_tables()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        op.execute(statement)
    if not is_sqlite:  # which has it in the table already: it cannot add one
        op.create_foreign_key(
            "fk_application_renews_card",
            "application",
            "card",
            ["renews_card_id"],
            ["id"],
        )


def _make_tables() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("seq", _ID, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("economy", name=op.f("pk_audit_chain")),
    )
    op.create_table(
        "content",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_content")),
    )
    op.create_table(
        "hosted_economy",
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("four_eyes_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_hosted_economy")),
    )
    op.create_table(
        "person",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("family_name", sa.String(length=200), nullable=False),
        sa.Column("given_name", sa.String(length=200), nullable=False),
        sa.Column("machine_family_name", sa.String(length=39), nullable=False),
        sa.Column("machine_given_name", sa.String(length=39), nullable=False),
        sa.Column("birthdate", sa.Date(), nullable=False),
        sa.Column(
            "sex",
            sa.Enum(
                "F",
                "M",
                "X",
                name="sex",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("nationality", sa.String(length=3), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_person_id_economy")),
    )
    op.create_index("ix_person_born", "person", ["economy", "birthdate"], unique=False)
    op.create_index(
        "ix_person_same",
        "person",
        ["economy", "machine_family_name", "machine_given_name", "nationality"],
        unique=False,
    )
    op.create_table(
        "receipt",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_receipt")),
    )
    op.create_index(
        "ix_receipt_answer",
        "receipt",
        ["at"],
        unique=False,
        sqlite_where=sa.text("digest <> ''"),
        postgresql_where=sa.text("digest <> ''"),
    )
    op.create_index(
        "ix_receipt_commit",
        "receipt",
        ["at"],
        unique=False,
        sqlite_where=sa.text("digest = ''"),
        postgresql_where=sa.text("digest = ''"),
    )
    op.create_table(
        "statement",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement")),
    )
    op.create_table(
        "status_list",
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("ends_unknown", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "is_closed OR NOT ends_unknown", name=op.f("ck_status_list_closed_first")
        ),
        sa.CheckConstraint("used <= capacity", name=op.f("ck_status_list_not_over")),
        sa.PrimaryKeyConstraint("economy", "number", name=op.f("pk_status_list")),
    )
    op.create_table(
        "stray_index",
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("list_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("list_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("document_number", sa.String(length=22), nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN (1, 3)", name=op.f("ck_stray_index_ended")),
        sa.PrimaryKeyConstraint(
            "economy", "list_number", "list_index", name=op.f("pk_stray_index")
        ),
    )
    op.create_table(
        "account",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=100), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "person",
                "program",
                "system",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("first_code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("first_code_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_secret", sa.String(length=200), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("oidc_subject", sa.String(length=255), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", _ID, nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("asked_by", _ID, nullable=True),
        sa.Column("confirmed_by", _ID, nullable=True),
        sa.CheckConstraint(
            "confirmed_by <> asked_by", name=op.f("ck_account_four_eyes")
        ),
        sa.CheckConstraint(
            "confirmed_by <> id", name=op.f("ck_account_not_by_oneself")
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["account.id"], name=op.f("fk_account_asked_by")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["account.id"], name=op.f("fk_account_confirmed_by")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["account.id"], name=op.f("fk_account_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_account_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_account_id_economy")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
        sa.UniqueConstraint("oidc_subject", name=op.f("uq_account_oidc_subject")),
    )
    op.create_index(op.f("ix_account_economy"), "account", ["economy"], unique=False)
    op.create_table(
        "passport",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("issuer", sa.String(length=3), nullable=False),
        sa.Column("number", sa.String(length=22), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("told_to", sa.String(length=3), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id", "economy"],
            ["person.id", "person.economy"],
            name="fk_passport_person",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passport")),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_passport_id_economy")),
    )
    op.create_index(
        "ix_passport_end", "passport", ["economy", "expires_on", "id"], unique=False
    )
    op.create_index(
        "ix_passport_number", "passport", ["economy", "number"], unique=False
    )
    op.create_index(
        op.f("ix_passport_person_id"), "passport", ["person_id"], unique=False
    )
    op.create_index(
        "uq_passport_own",
        "passport",
        ["economy", "issuer", "number"],
        unique=True,
        sqlite_where=sa.text("told_to IS NULL"),
        postgresql_where=sa.text("told_to IS NULL"),
    )
    op.create_index(
        "uq_passport_told",
        "passport",
        ["told_to", "economy", "issuer", "number"],
        unique=True,
        sqlite_where=sa.text("told_to IS NOT NULL"),
        postgresql_where=sa.text("told_to IS NOT NULL"),
    )
    op.create_table(
        "account_role",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "intake",
                "vetting",
                "issuing",
                "preclearance",
                "publishing",
                "audit",
                "admin",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("given_by", _ID, nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("confirmed_by", _ID, nullable=True),
        sa.CheckConstraint(
            "confirmed_by <> account_id", name=op.f("ck_account_role_not_by_oneself")
        ),
        sa.CheckConstraint(
            "confirmed_by <> given_by", name=op.f("ck_account_role_four_eyes")
        ),
        sa.CheckConstraint(
            "given_by <> account_id", name=op.f("ck_account_role_not_to_oneself")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_role_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["account.id"], name=op.f("fk_account_role_confirmed_by")
        ),
        sa.ForeignKeyConstraint(
            ["given_by"], ["account.id"], name=op.f("fk_account_role_given_by")
        ),
        sa.PrimaryKeyConstraint("account_id", "role", name=op.f("pk_account_role")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by", _ID, nullable=True),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("confirmed_by", _ID, nullable=True),
        sa.CheckConstraint(
            "confirmed_by <> account_id", name=op.f("ck_api_key_not_by_oneself")
        ),
        sa.CheckConstraint(
            "confirmed_by <> made_by", name=op.f("ck_api_key_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_api_key_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["account.id"], name=op.f("fk_api_key_confirmed_by")
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["account.id"], name=op.f("fk_api_key_made_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    op.create_index(
        op.f("ix_api_key_account_id"), "api_key", ["account_id"], unique=False
    )
    op.create_table(
        "application",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("number", sa.String(length=22), nullable=False),
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
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("passport_id", _ID, nullable=False),
        sa.Column("renews_card_id", _ID, nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "submitted",
                "home_review",
                "home_approved",
                "home_refused",
                "circulated",
                "closed",
                "applicant_withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("entered_by", _ID, nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", _ID, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('home_approved', 'home_refused', 'circulated', 'closed') OR decided_by IS NOT NULL",
            name=op.f("ck_application_decided"),
        ),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL)",
            name=op.f("ck_application_decision_whole"),
        ),
        sa.CheckConstraint(
            "decided_by <> entered_by", name=op.f("ck_application_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["account.id"], name=op.f("fk_application_decided_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_application_economy")
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"], ["account.id"], name=op.f("fk_application_entered_by")
        ),
        sa.ForeignKeyConstraint(
            ["passport_id", "economy"],
            ["passport.id", "passport.economy"],
            name="fk_application_passport",
        ),
        sa.ForeignKeyConstraint(
            ["person_id", "economy"],
            ["person.id", "person.economy"],
            name="fk_application_person",
        ),
        sa.ForeignKeyConstraint(
            ["renews_card_id"],
            ["card.id"],
            name="fk_application_renews_card",
            use_alter=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint(
            "economy", "number", name=op.f("uq_application_economy_number")
        ),
        sa.UniqueConstraint(
            "id", "decided_by", name=op.f("uq_application_id_decided_by")
        ),
    )
    op.create_index(
        "ix_application_age",
        "application",
        ["economy", "changed_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_application_person_id", "application", ["person_id"], unique=False
    )
    op.create_index(
        "ix_application_queue",
        "application",
        ["economy", "state", "changed_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_application_stage",
        "application",
        ["economy", "state", "stage", "changed_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_application_open",
        "application",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('draft', 'submitted', 'home_review')"),
        postgresql_where=sa.text("state IN ('draft', 'submitted', 'home_review')"),
    )
    op.create_table(
        "audit",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("seq", _ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", _ID, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["account.id"], name=op.f("fk_audit_actor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("economy", "seq", name=op.f("uq_audit_economy_seq")),
    )
    op.create_index("ix_audit_actor_id_at", "audit", ["actor_id", "at"], unique=False)
    op.create_index(
        "ix_audit_subject", "audit", ["economy", "subject", "seq"], unique=False
    )
    op.create_table(
        "browser_session",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", _ID, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_browser_session_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_browser_session_token_hash")),
    )
    op.create_index(
        op.f("ix_browser_session_account_id"),
        "browser_session",
        ["account_id"],
        unique=False,
    )
    op.create_index(
        "ix_browser_session_seen_at", "browser_session", ["seen_at"], unique=False
    )
    op.create_table(
        "bulk",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("proposed_by", _ID, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "running",
                "done",
                "rejected",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state NOT IN ('running', 'done') OR approved_by IS NOT NULL",
            name=op.f("ck_bulk_approved"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_bulk_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_bulk_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_bulk_economy")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["account.id"], name=op.f("fk_bulk_proposed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk")),
    )
    op.create_index(
        "ix_bulk_queue", "bulk", ["economy", "state", "proposed_at"], unique=False
    )
    op.create_table(
        "import_run",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("last_line", sa.Integer(), nullable=False),
        sa.Column("saved", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running",
                "done",
                "abandoned",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("started_by", _ID, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state <> 'done' OR saved = rows", name=op.f("ck_import_run_done")
        ),
        sa.CheckConstraint("saved <= rows", name=op.f("ck_import_run_not_over")),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_import_run_economy")
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["account.id"], name=op.f("fk_import_run_started_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_index(
        "uq_import_run_once",
        "import_run",
        ["economy", "kind", "fingerprint"],
        unique=True,
        sqlite_where=sa.text("state <> 'abandoned'"),
        postgresql_where=sa.text("state <> 'abandoned'"),
    )
    op.create_table(
        "passkey",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", _ID, nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_passkey_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(
        op.f("ix_passkey_account_id"), "passkey", ["account_id"], unique=False
    )
    op.create_table(
        "plastic_batch",
        sa.Column("batch", sa.String(length=64), nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("design", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sums_sha256", sa.String(length=64), nullable=False),
        sa.Column("made_by", _ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["account.id"], name=op.f("fk_plastic_batch_made_by")
        ),
        sa.PrimaryKeyConstraint("batch", name=op.f("pk_plastic_batch")),
    )
    op.create_index(
        "ix_plastic_batch_economy",
        "plastic_batch",
        ["economy", "made_at"],
        unique=False,
    )
    op.create_table(
        "publication",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", _ID, nullable=False),
        sa.Column("audit_seq", _ID, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.CheckConstraint("approved_by <> by", name=op.f("ck_publication_four_eyes")),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_publication_approved_by")
        ),
        sa.ForeignKeyConstraint(["by"], ["account.id"], name=op.f("fk_publication_by")),
        sa.ForeignKeyConstraint(
            ["economy"], ["audit_chain.economy"], name="fk_publication_chain"
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_publication_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    op.create_index(
        "ix_publication_economy_at", "publication", ["economy", "at"], unique=False
    )
    op.create_table(
        "restoration",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("proposed_by", _ID, nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (reconciled_at IS NULL) AND (approved_by IS NULL OR proposed_by IS NOT NULL)",
            name=op.f("ck_restoration_reconciled_whole"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_restoration_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_restoration_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_restoration_economy")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["account.id"], name=op.f("fk_restoration_proposed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restoration")),
    )
    op.create_index(
        "uq_restoration_open",
        "restoration",
        ["economy"],
        unique=True,
        sqlite_where=sa.text("reconciled_at IS NULL"),
        postgresql_where=sa.text("reconciled_at IS NULL"),
    )
    op.create_table(
        "scheme_text",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("proposed_by", _ID, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL)",
            name=op.f("ck_scheme_text_approval_whole"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_scheme_text_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_scheme_text_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["account.id"], name=op.f("fk_scheme_text_proposed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheme_text")),
    )
    op.create_table(
        "shrink_request",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("shrinks", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("proposed_by", _ID, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL) AND (used_at IS NULL OR approved_at IS NOT NULL)",
            name=op.f("ck_shrink_request_approval_whole"),
        ),
        sa.CheckConstraint(
            "approved_by <> proposed_by", name=op.f("ck_shrink_request_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_shrink_request_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_shrink_request_economy")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["account.id"], name=op.f("fk_shrink_request_proposed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shrink_request")),
    )
    op.create_index(
        op.f("ix_shrink_request_economy"), "shrink_request", ["economy"], unique=False
    )
    op.create_table(
        "signing_key",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("use", sa.String(length=8), nullable=False),
        sa.Column("public_key", sa.String(length=200), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signs_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "made",
                "published",
                "retired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_by", _ID, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "use IN ('card', 'status')", name=op.f("ck_signing_key_use")
        ),
        sa.ForeignKeyConstraint(
            ["added_by"], ["account.id"], name=op.f("fk_signing_key_added_by")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_signing_key_economy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint(
            "economy", "key_id", name=op.f("uq_signing_key_economy_key_id")
        ),
        sa.UniqueConstraint("public_key", name=op.f("uq_signing_key_public_key")),
    )
    op.create_table(
        "application_hand",
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_application_hand_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_application_hand_application_id"),
        ),
        sa.PrimaryKeyConstraint(
            "application_id", "account_id", name=op.f("pk_application_hand")
        ),
    )
    op.create_table(
        "bulk_item",
        sa.Column("bulk_id", _ID, nullable=False),
        sa.Column("record_id", _ID, autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulk_id"], ["bulk.id"], name=op.f("fk_bulk_item_bulk_id")
        ),
        sa.PrimaryKeyConstraint("bulk_id", "record_id", name=op.f("pk_bulk_item")),
    )
    op.create_table(
        "card",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("person_id", _ID, nullable=False),
        sa.Column("application_id", _ID, nullable=True),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending_home",
                "active",
                "suspended",
                "lost",
                "cancelled",
                "superseded",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("applied_on", sa.Date(), nullable=False),
        sa.Column("first_issued_on", sa.Date(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("continues_id", _ID, nullable=True),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("foreign_reference", sa.String(length=64), nullable=True),
        sa.Column("told_to", sa.String(length=3), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state = 'pending_home' OR state = 'cancelled' OR expires_at IS NOT NULL",
            name=op.f("ck_card_has_end"),
        ),
        sa.CheckConstraint(
            "(told_to IS NULL) = (foreign_reference IS NULL)",
            name=op.f("ck_card_told_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id", "approved_by"],
            ["application.id", "application.decided_by"],
            name="fk_card_approval",
        ),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_card_application"
        ),
        sa.ForeignKeyConstraint(
            ["continues_id"], ["card.id"], name=op.f("fk_card_continues_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id", "economy"],
            ["person.id", "person.economy"],
            name="fk_card_person",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card")),
        sa.UniqueConstraint("id", "approved_by", name=op.f("uq_card_id_approved_by")),
        sa.UniqueConstraint("id", "economy", name=op.f("uq_card_id_economy")),
    )
    op.create_index("ix_card_application_id", "card", ["application_id"], unique=False)
    op.create_index(
        "ix_card_continues_id",
        "card",
        ["continues_id"],
        unique=False,
        sqlite_where=sa.text("continues_id IS NOT NULL"),
        postgresql_where=sa.text("continues_id IS NOT NULL"),
    )
    op.create_index("ix_card_person_id", "card", ["person_id"], unique=False)
    op.create_index(
        "ix_card_queue", "card", ["economy", "state", "expires_at", "id"], unique=False
    )
    op.create_index(
        "uq_card_told",
        "card",
        ["told_to", "economy", "foreign_reference"],
        unique=True,
        sqlite_where=sa.text("told_to IS NOT NULL"),
        postgresql_where=sa.text("told_to IS NOT NULL"),
    )
    op.create_table(
        "foreign_credential",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("told_to", sa.String(length=3), nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("document_number", sa.String(length=22), nullable=False),
        sa.Column("list_number", sa.Integer(), nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "prepared",
                "valid",
                "suspended",
                "revoked",
                "superseded",
                "void",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "form IN ('app', 'physical')", name=op.f("ck_foreign_credential_form")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_foreign_credential_card_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_foreign_credential")),
        sa.UniqueConstraint(
            "told_to",
            "economy",
            "list_number",
            "list_index",
            name=op.f("uq_foreign_credential_told_to_economy_list_number_list_index"),
        ),
    )
    op.create_index(
        op.f("ix_foreign_credential_card_id"),
        "foreign_credential",
        ["card_id"],
        unique=False,
    )
    op.create_table(
        "document",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("application_id", _ID, nullable=False),
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
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("added_by", _ID, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["added_by"], ["account.id"], name=op.f("fk_document_added_by")
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_document_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["sha256"], ["content.sha256"], name="fk_document_content"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    op.create_index(
        op.f("ix_document_application_id"), "document", ["application_id"], unique=False
    )
    op.create_table(
        "review_step",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("by", _ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_review_step_application_id"),
        ),
        sa.ForeignKeyConstraint(["by"], ["account.id"], name=op.f("fk_review_step_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_step")),
        sa.UniqueConstraint(
            "application_id",
            "position",
            name=op.f("uq_review_step_application_id_position"),
        ),
    )
    op.create_table(
        "credential",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("document_number", sa.String(length=22), nullable=False),
        sa.Column("list_number", sa.Integer(), nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "prepared",
                "valid",
                "suspended",
                "revoked",
                "superseded",
                "void",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("holder_key", sa.String(length=200), nullable=True),
        sa.Column("is_interim", sa.Boolean(), nullable=False),
        sa.Column("design", sa.String(length=64), nullable=False),
        sa.Column("passport_id", _ID, nullable=False),
        sa.Column("replaces_id", _ID, nullable=True),
        sa.Column("state_reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(form = 'app') = (holder_key IS NOT NULL)",
            name=op.f("ck_credential_bound"),
        ),
        sa.CheckConstraint(
            "form IN ('app', 'physical')", name=op.f("ck_credential_form")
        ),
        sa.ForeignKeyConstraint(
            ["card_id", "economy"],
            ["card.id", "card.economy"],
            name="fk_credential_card",
        ),
        sa.ForeignKeyConstraint(
            ["economy", "list_number"],
            ["status_list.economy", "status_list.number"],
            name="fk_credential_list",
        ),
        sa.ForeignKeyConstraint(
            ["passport_id"], ["passport.id"], name=op.f("fk_credential_passport_id")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["credential.id"], name=op.f("fk_credential_replaces_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint(
            "economy",
            "document_number",
            name=op.f("uq_credential_economy_document_number"),
        ),
        sa.UniqueConstraint(
            "economy",
            "list_number",
            "list_index",
            name=op.f("uq_credential_economy_list_number_list_index"),
        ),
        sa.UniqueConstraint("id", "card_id", name=op.f("uq_credential_id_card_id")),
    )
    op.create_index("ix_credential_card_id", "credential", ["card_id"], unique=False)
    op.create_index(
        "ix_credential_ended",
        "credential",
        ["economy", "list_number", "list_index", "state"],
        unique=False,
        sqlite_where=sa.text("state IN ('suspended', 'revoked', 'superseded')"),
        postgresql_where=sa.text("state IN ('suspended', 'revoked', 'superseded')"),
    )
    op.create_index(
        "uq_credential_live",
        "credential",
        ["card_id", "form"],
        unique=True,
        sqlite_where=sa.text("state IN ('valid', 'suspended')"),
        postgresql_where=sa.text("state IN ('valid', 'suspended')"),
    )
    op.create_index(
        "uq_credential_prepared",
        "credential",
        ["card_id", "form"],
        unique=True,
        sqlite_where=sa.text("state = 'prepared'"),
        postgresql_where=sa.text("state = 'prepared'"),
    )
    op.create_table(
        "passport_link",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("passport_id", _ID, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "linked",
                "reported",
                "replaced",
                "ended",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_passport_link_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["passport_id"], ["passport.id"], name=op.f("fk_passport_link_passport_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passport_link")),
    )
    op.create_index(
        op.f("ix_passport_link_card_id"), "passport_link", ["card_id"], unique=False
    )
    op.create_index(
        op.f("ix_passport_link_passport_id"),
        "passport_link",
        ["passport_id"],
        unique=False,
    )
    op.create_index(
        "uq_passport_link_open",
        "passport_link",
        ["card_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('linked', 'reported')"),
        postgresql_where=sa.text("state IN ('linked', 'reported')"),
    )
    op.create_table(
        "preclearance",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("issuer", sa.String(length=3), nullable=False),
        sa.Column("destination", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "not_sent",
                "pending",
                "approved",
                "not_approved",
                "suspended",
                "withdrawn",
                "lapsed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hits", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "issuer <> destination", name=op.f("ck_preclearance_not_its_own")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_preclearance_card_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preclearance")),
        sa.UniqueConstraint(
            "card_id", "destination", name=op.f("uq_preclearance_card_id_destination")
        ),
    )
    op.create_index(
        "ix_preclearance_answered",
        "preclearance",
        ["destination", "answered_at", "asked_at", "state", "id"],
        unique=False,
    )
    op.create_index(
        "ix_preclearance_decided",
        "preclearance",
        ["issuer", "answered_at", "state"],
        unique=False,
    )
    op.create_index(
        "ix_preclearance_incoming",
        "preclearance",
        ["destination", "state", "asked_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_preclearance_outgoing",
        "preclearance",
        ["issuer", "state", "asked_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_preclearance_pair",
        "preclearance",
        ["destination", "issuer", "state", "asked_at", "id", "card_id"],
        unique=False,
    )
    op.create_index(
        "ix_preclearance_waiting",
        "preclearance",
        ["issuer", "destination", "asked_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "held_decision",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("preclearance_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_held_decision_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name=op.f("fk_held_decision_economy")
        ),
        sa.ForeignKeyConstraint(
            ["preclearance_id"],
            ["preclearance.id"],
            name=op.f("fk_held_decision_preclearance_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_decision")),
        sa.UniqueConstraint(
            "preclearance_id", name=op.f("uq_held_decision_preclearance_id")
        ),
    )
    op.create_index(
        op.f("ix_held_decision_account_id"),
        "held_decision",
        ["account_id"],
        unique=False,
    )
    op.create_table(
        "issue",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("request_key", sa.String(length=100), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("credential_id", _ID, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "intended",
                "signed",
                "void",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("claims_sha256", sa.String(length=64), nullable=False),
        sa.Column("economies", sa.String(length=300), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'signed') = (text IS NOT NULL)",
            name=op.f("ck_issue_signed_whole"),
        ),
        sa.CheckConstraint("approved_by IS NOT NULL", name=op.f("ck_issue_approved")),
        sa.CheckConstraint(
            "requested_by <> approved_by", name=op.f("ck_issue_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["card_id", "approved_by"],
            ["card.id", "card.approved_by"],
            name="fk_issue_approval",
        ),
        sa.ForeignKeyConstraint(
            ["credential_id", "card_id"],
            ["credential.id", "credential.card_id"],
            name="fk_issue_credential",
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["account.id"], name=op.f("fk_issue_requested_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue")),
        sa.UniqueConstraint(
            "economy", "request_key", name=op.f("uq_issue_economy_request_key")
        ),
    )
    op.create_index("ix_issue_credential_id", "issue", ["credential_id"], unique=False)
    op.create_index(
        "ix_issue_latest", "issue", ["economy", "intended_at"], unique=False
    )
    op.create_index(
        "ix_issue_open",
        "issue",
        ["economy", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'intended'"),
        postgresql_where=sa.text("state = 'intended'"),
    )
    op.create_index(
        "ix_issue_requested_by", "issue", ["requested_by", "intended_at"], unique=False
    )
    op.create_index(
        "uq_issue_open",
        "issue",
        ["credential_id"],
        unique=True,
        sqlite_where=sa.text("state = 'intended'"),
        postgresql_where=sa.text("state = 'intended'"),
    )
    op.create_table(
        "plastic",
        sa.Column("credential_id", _ID, nullable=False),
        sa.Column("economy", sa.String(length=3), nullable=False),
        sa.Column("design", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "to_print",
                "at_bureau",
                "handed_over",
                "spoiled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("batch", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_plastic_credential_id")
        ),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_plastic")),
    )
    op.create_index(
        "ix_plastic_queue", "plastic", ["economy", "state", "changed_at"], unique=False
    )
    op.create_table(
        "preclearance_event",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("preclearance_id", _ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column(
            "before",
            sa.Enum(
                "not_sent",
                "pending",
                "approved",
                "not_approved",
                "suspended",
                "withdrawn",
                "lapsed",
                name="before",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "after",
            sa.Enum(
                "not_sent",
                "pending",
                "approved",
                "not_approved",
                "suspended",
                "withdrawn",
                "lapsed",
                name="after",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", _ID, nullable=False),
        sa.Column("statement_id", _ID, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["account.id"], name=op.f("fk_preclearance_event_actor_id")
        ),
        sa.ForeignKeyConstraint(
            ["preclearance_id"],
            ["preclearance.id"],
            name=op.f("fk_preclearance_event_preclearance_id"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statement.id"],
            name=op.f("fk_preclearance_event_statement_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preclearance_event")),
        sa.UniqueConstraint(
            "preclearance_id",
            "seq",
            name=op.f("uq_preclearance_event_preclearance_id_seq"),
        ),
    )
    op.create_table(
        "suspension",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.Column("credential_id", _ID, nullable=True),
        sa.Column("suspended_by", _ID, nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("lifted_by", _ID, nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lift_reason", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "(lifted_by IS NULL) = (lifted_at IS NULL) AND (lifted_by IS NULL) = (lift_reason IS NULL)",
            name=op.f("ck_suspension_lift_whole"),
        ),
        sa.CheckConstraint(
            "lifted_by <> suspended_by", name=op.f("ck_suspension_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_suspension_card_id")
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credential.id"],
            name=op.f("fk_suspension_credential_id"),
        ),
        sa.ForeignKeyConstraint(
            ["lifted_by"], ["account.id"], name=op.f("fk_suspension_lifted_by")
        ),
        sa.ForeignKeyConstraint(
            ["suspended_by"], ["account.id"], name=op.f("fk_suspension_suspended_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspension")),
    )
    op.create_index(
        op.f("ix_suspension_card_id"), "suspension", ["card_id"], unique=False
    )
    op.create_table(
        "watch_hit",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("preclearance_id", _ID, nullable=False),
        sa.Column("list_version", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "other_person",
                "same_person",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("settled_by", _ID, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (settled_by IS NULL)", name=op.f("ck_watch_hit_settled")
        ),
        sa.ForeignKeyConstraint(
            ["preclearance_id"],
            ["preclearance.id"],
            name=op.f("fk_watch_hit_preclearance_id"),
        ),
        sa.ForeignKeyConstraint(
            ["settled_by"], ["account.id"], name=op.f("fk_watch_hit_settled_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_hit")),
        sa.UniqueConstraint(
            "preclearance_id",
            "list_version",
            "reference",
            name=op.f("uq_watch_hit_preclearance_id_list_version_reference"),
        ),
    )
    op.create_index(
        op.f("ix_watch_hit_preclearance_id"),
        "watch_hit",
        ["preclearance_id"],
        unique=False,
    )
    # SQLite takes these only if they were made after the others.
    op.create_index(
        "ix_preclearance_hits",
        "preclearance",
        ["destination", "state", "asked_at", "id"],
        unique=False,
        sqlite_where=sa.text("hits > 0"),
        postgresql_where=sa.text("hits > 0"),
    )
    op.create_index(
        "ix_preclearance_unscreened",
        "preclearance",
        ["destination", "state", "asked_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND hits IS NULL"),
        postgresql_where=sa.text("state = 'pending' AND hits IS NULL"),
    )
