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


def _confirmed(table: str) -> Trigger:
    return Trigger(
        name=f"tr_{table}_confirmed",
        table=table,
        on="UPDATE",
        when="OLD.waits AND NOT NEW.waits AND NEW.confirmed_by IS NULL",
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
    # What one administrator gave counts when a second one has confirmed it; the tables
    # themselves say who that may be.
    *(_confirmed(table) for table in ("account", "account_role", "api_key")),
    Trigger(
        name="tr_account_role_by_two",
        table="account_role",
        on="INSERT",
        when="NOT NEW.waits",
        exists="SELECT 1 FROM account AS a"
        " JOIN hosted_economy AS h ON h.code = a.economy"
        " WHERE a.id = NEW.account_id AND h.four_eyes_since IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM account AS g"
        " WHERE g.id = NEW.given_by AND g.kind = 'system')",
    ),
    Trigger(
        name="tr_hosted_economy_four_eyes",
        table="hosted_economy",
        on="UPDATE",
        when="OLD.four_eyes_since IS NOT NULL AND NEW.four_eyes_since IS NULL",
    ),
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
    # What an issuer elsewhere told one destination is about no other's card.
    Trigger(
        name="tr_foreign_credential_of_another",
        table="foreign_credential",
        on="INSERT",
        exists="SELECT 1 FROM card AS c WHERE c.id = NEW.card_id"
        " AND (c.told_to IS NULL OR c.told_to <> NEW.told_to"
        " OR c.economy <> NEW.economy)",
    ),
    Trigger(
        name="tr_foreign_credential_final",
        table="foreign_credential",
        on="UPDATE",
        when="OLD.state IN ('revoked', 'superseded', 'void', 'expired')"
        " AND NEW.state <> OLD.state",
    ),
    Trigger(
        name="tr_foreign_credential_binding",
        table="foreign_credential",
        on="UPDATE",
        when="NEW.card_id <> OLD.card_id OR NEW.told_to <> OLD.told_to"
        " OR NEW.economy <> OLD.economy OR NEW.form <> OLD.form"
        " OR NEW.list_number <> OLD.list_number"
        " OR NEW.list_index <> OLD.list_index",
    ),
    Trigger(name="tr_foreign_credential_kept", table="foreign_credential", on="DELETE"),
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
    # What one person has stopped, no one person makes anew: `suspension` itself demands
    # that whoever lifts it is another.
    Trigger(
        name="tr_credential_while_suspended",
        table="credential",
        on="INSERT",
        exists="SELECT 1 FROM suspension AS s"
        " LEFT JOIN credential AS c ON c.id = s.credential_id"
        " WHERE s.card_id = NEW.card_id AND s.lifted_at IS NULL"
        " AND (s.credential_id IS NULL OR c.form = NEW.form"
        " OR c.id = NEW.replaces_id)",
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
    # A device that is retired stays so; what it has sent is never written over.
    Trigger(
        name="tr_device_final",
        table="device",
        on="UPDATE",
        when="(OLD.retired_at IS NOT NULL AND NEW.retired_at IS NULL)"
        " OR NEW.public_key <> OLD.public_key OR NEW.economy <> OLD.economy",
    ),
    Trigger(name="tr_device_kept", table="device", on="DELETE"),
    Trigger(
        name="tr_collected_log_grows",
        table="collected_log",
        on="UPDATE",
        when="NEW.head_seq < OLD.head_seq OR NEW.removed_to < OLD.removed_to"
        " OR NEW.log <> OLD.log OR NEW.device_id <> OLD.device_id"
        " OR (NEW.head_seq = OLD.head_seq AND NEW.head_digest <> OLD.head_digest)",
    ),
    Trigger(name="tr_collected_row_unchanged", table="collected_row", on="UPDATE"),
    Trigger(name="tr_collected_finding_kept", table="collected_finding", on="DELETE"),
    # What was done about a hit is not written over.
    Trigger(
        name="tr_passport_hit_final",
        table="passport_hit",
        on="UPDATE",
        when="OLD.closed_at IS NOT NULL OR NEW.reference <> OLD.reference"
        " OR NEW.economy <> OLD.economy",
    ),
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


def texts(dialect: str) -> dict[str, str]:
    """Return what a database says of each rule, by its name.

    SQLite keeps the whole statement; of PostgreSQL it is the body of the function.
    """
    if dialect == "sqlite":
        return {trigger.name: trigger.sqlite() for trigger in TRIGGERS}
    refuses = _body(_REFUSE)
    found = {f"tr_{table}_not_emptied": refuses for table in GROWING}
    for trigger in TRIGGERS:
        first = trigger.postgresql()[0]
        found[trigger.name] = _body(first) if trigger.exists else refuses
    return found


def _body(function: str) -> str:
    return function.split("$$")[1]
