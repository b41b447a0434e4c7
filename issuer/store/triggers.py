"""What no statement may do, whoever sends it: rules that a constraint cannot say.

Each is a trigger whose name is what the database answers. The same condition serves
SQLite and PostgreSQL.
"""

from dataclasses import dataclass
from typing import Final

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {before}
  RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'check_violation',
    CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
  {after}
END $$
"""
_REFUSE: Final = _FUNCTION.format(name="abtc_refuse", before="", after="")
_GO_ON: Final = "END IF; RETURN NEW;"
_RESTORED: Final = (
    "SELECT 1 FROM restoration AS r"
    " WHERE r.economy = NEW.economy AND r.reconciled_at IS NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A rule: on this table, this kind of statement, where this holds, is refused."""

    name: str
    table: str
    on: str
    """``UPDATE``, ``DELETE`` or ``INSERT``."""
    when: str = ""
    """SQL over ``OLD`` and ``NEW``; empty for always."""
    exists: str = ""
    """A query over ``NEW`` and other tables; the rule holds where it finds a row."""

    def sqlite(self) -> str:
        """Return the statement that makes it in SQLite."""
        parts = [self.when, f"EXISTS ({self.exists})" if self.exists else ""]
        condition = " AND ".join(f"({part})" for part in parts if part)
        when = f"WHEN {condition} " if condition else ""
        return (
            f"CREATE TRIGGER {self.name} BEFORE {self.on} ON {self.table} "
            f"FOR EACH ROW {when}BEGIN SELECT RAISE(ABORT, '{self.name}'); END"
        )

    def postgresql(self) -> tuple[str, ...]:
        """Return the statements that make it in PostgreSQL.

        There a trigger's condition cannot ask other tables; its function can.
        """
        when = f"WHEN ({self.when}) " if self.when else ""
        function = f"abtc_{self.name}" if self.exists else "abtc_refuse"
        made = (
            f"CREATE TRIGGER {self.name} BEFORE {self.on} ON {self.table} "
            f"FOR EACH ROW {when}EXECUTE FUNCTION {function}()"
        )
        if not self.exists:
            return (made,)
        condition = f"IF EXISTS ({self.exists}) THEN"
        return (_FUNCTION.format(name=function, before=condition, after=_GO_ON), made)


def _grows_only(table: str) -> tuple[Trigger, Trigger]:
    return (
        Trigger(name=f"tr_{table}_unchanged", table=table, on="UPDATE"),
        Trigger(name=f"tr_{table}_kept", table=table, on="DELETE"),
    )


GROWING: Final = (
    "audit",
    "application_hand",
    "preclearance_event",
    "statement",
    "stray_index",
)
"""Tables that only grow."""

TRIGGERS: Final = (
    *(trigger for table in GROWING for trigger in _grows_only(table)),
    # Whoever wrote on an application is not the second person who decides about it.
    Trigger(
        name="tr_application_decided_by_own_hand",
        table="application",
        on="UPDATE",
        when="NEW.decided_by IS NOT NULL",
        exists="SELECT 1 FROM application_hand AS h WHERE h.application_id = NEW.id"
        " AND h.account_id = NEW.decided_by",
    ),
    Trigger(
        name="tr_application_hand_late",
        table="application_hand",
        on="INSERT",
        exists="SELECT 1 FROM application AS a WHERE a.id = NEW.application_id"
        " AND a.decided_by IS NOT NULL",
    ),
    Trigger(
        name="tr_card_final",
        table="card",
        on="UPDATE",
        when="OLD.state IN ('lost', 'cancelled', 'superseded', 'expired')"
        " AND NEW.state <> OLD.state",
    ),
    Trigger(name="tr_card_kept", table="card", on="DELETE"),
    # 1 to 0 and 3 to 0 in a status list: what has ended never returns.
    Trigger(
        name="tr_credential_final",
        table="credential",
        on="UPDATE",
        when="OLD.state IN ('revoked', 'superseded', 'void', 'expired')"
        " AND NEW.state <> OLD.state",
    ),
    # 2 to 0 needs a reason of its own.
    Trigger(
        name="tr_credential_restored_for_a_reason",
        table="credential",
        on="UPDATE",
        when="OLD.state = 'suspended' AND NEW.state = 'valid'"
        " AND (NEW.state_reason IS NULL OR trim(NEW.state_reason) = ''"
        " OR NEW.state_reason = OLD.state_reason)",
    ),
    # An index belongs to one binding for ever.
    Trigger(
        name="tr_credential_binding",
        table="credential",
        on="UPDATE",
        when="NEW.economy <> OLD.economy OR NEW.card_id <> OLD.card_id"
        " OR NEW.form <> OLD.form OR NEW.list_number <> OLD.list_number"
        " OR NEW.list_index <> OLD.list_index"
        " OR NEW.document_number <> OLD.document_number"
        " OR COALESCE(NEW.holder_key, '') <> COALESCE(OLD.holder_key, '')",
    ),
    Trigger(name="tr_credential_kept", table="credential", on="DELETE"),
    Trigger(
        name="tr_issue_unchanged",
        table="issue",
        on="UPDATE",
        when="OLD.state <> 'intended' OR NEW.header <> OLD.header"
        " OR NEW.payload <> OLD.payload OR NEW.key_id <> OLD.key_id"
        " OR NEW.requested_by <> OLD.requested_by",
    ),
    Trigger(name="tr_issue_kept", table="issue", on="DELETE"),
    Trigger(
        name="tr_status_list_grows",
        table="status_list",
        on="UPDATE",
        when="NEW.used < OLD.used OR NEW.capacity <> OLD.capacity"
        " OR (OLD.is_closed AND NOT NEW.is_closed)"
        " OR (OLD.ends_unknown AND NOT NEW.ends_unknown)",
    ),
    # A database put back from a backup does nothing for the outside until it has
    # caught up; see `issuer.reconciliation`.
    Trigger(
        name="tr_issue_after_restore", table="issue", on="INSERT", exists=_RESTORED
    ),
    Trigger(
        name="tr_issue_signed_after_restore",
        table="issue",
        on="UPDATE",
        when="NEW.state = 'signed'",
        exists=_RESTORED,
    ),
    Trigger(
        name="tr_publication_after_restore",
        table="publication",
        on="INSERT",
        exists=_RESTORED,
    ),
    Trigger(
        name="tr_restoration_final",
        table="restoration",
        on="UPDATE",
        when="OLD.reconciled_at IS NOT NULL",
    ),
    Trigger(name="tr_restoration_kept", table="restoration", on="DELETE"),
    # An index that is stray, or is in a closed list, is never given out again.
    Trigger(
        name="tr_credential_index_stray",
        table="credential",
        on="INSERT",
        exists="SELECT 1 FROM stray_index AS s WHERE s.economy = NEW.economy"
        " AND s.list_number = NEW.list_number AND s.list_index = NEW.list_index",
    ),
    Trigger(
        name="tr_credential_list_closed",
        table="credential",
        on="INSERT",
        exists="SELECT 1 FROM status_list AS l WHERE l.economy = NEW.economy"
        " AND l.number = NEW.list_number AND l.is_closed",
    ),
    # A row of a sheet is saved once: its import never goes back.
    Trigger(
        name="tr_import_run_goes_on",
        table="import_run",
        on="UPDATE",
        when="NEW.last_line < OLD.last_line OR NEW.fingerprint <> OLD.fingerprint"
        " OR NEW.at <> OLD.at",
    ),
    Trigger(name="tr_import_run_kept", table="import_run", on="DELETE"),
    # An offer is taken once, and its wrong codes are never forgotten.
    Trigger(
        name="tr_offer_final",
        table="offer",
        on="UPDATE",
        when="(OLD.state <> 'open' AND NEW.state <> OLD.state)"
        " OR NEW.wrong < OLD.wrong OR NEW.code_hash <> OLD.code_hash"
        " OR NEW.card_id <> OLD.card_id",
    ),
    Trigger(name="tr_offer_kept", table="offer", on="DELETE"),
)


def statements(dialect: str) -> tuple[str, ...]:
    """Return what makes every rule, in order, for ``sqlite`` or ``postgresql``."""
    if dialect == "sqlite":
        return tuple(trigger.sqlite() for trigger in TRIGGERS)
    cut_short = tuple(
        f"CREATE TRIGGER tr_{table}_not_emptied BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION abtc_refuse()"
        for table in GROWING
    )
    rules = (statement for trigger in TRIGGERS for statement in trigger.postgresql())
    return (_REFUSE, *rules, *cut_short)
