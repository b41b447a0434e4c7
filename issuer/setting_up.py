"""Making an installation, and adding an economy to one."""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from issuer import audit
from issuer.documents import key_row
from issuer.errors import SettingsError
from issuer.installation import FILE, Installation
from issuer.keys import KeyRecord
from issuer.passwords import hash_password
from issuer.publish.files import replace_file
from issuer.store import (
    Account,
    AccountKind,
    AccountRole,
    HostedEconomy,
    KeyState,
    Role,
    SigningKey,
    Store,
)

_OWNER_ONLY: Final = 0o700
_WORDS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 5


def new_password() -> str:
    """Draw a password that can be read aloud: 99 bits in four groups."""
    groups = (
        "".join(secrets.choice(_WORDS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def add_economy(
    session: Session,
    code: str,
    *,
    administrator: str,
    display_name: str,
    now: datetime,
    is_test: bool = False,
    password: str | None = None,
    created_by: int | None = None,
) -> str:
    """Add an economy, the account of the installation itself, and an administrator.

    Args:
        session: The session at work.
        code: Alpha-3 code; the caller has asked the scheme.
        administrator: Login of the first person, who gives roles to all others.
        display_name: Their name.
        now: This moment.
        is_test: Its cards are never green.
        password: Theirs; None draws one.
        created_by: The account that asks; None for a new installation.

    Returns:
        The password, which is kept nowhere else.
    """
    password = password or new_password()
    session.add(HostedEconomy(code=code, since=now, is_test=is_test))
    session.flush()
    system = _account(f"system-{code.lower()}", "This installation", code, now)
    system.kind = AccountKind.SYSTEM
    person = _account(administrator, display_name, code, now)
    person.password_hash = hash_password(password)
    person.created_by = created_by
    session.add_all((system, person))
    session.flush()
    session.add(
        AccountRole(
            account_id=person.id, role=Role.ADMIN, given_by=created_by, given_at=now
        )
    )
    audit.record(
        session,
        economy=code,
        actor_id=created_by or system.id,
        at=now,
        tag="account:created",
        subject=f"account:{person.id}",
        reason="the first of this economy",
        login=administrator,
        kind=AccountKind.PERSON,
    )
    return password


def add_signing_key(
    session: Session,
    economy: str,
    record: KeyRecord,
    *,
    by: int,
    now: datetime,
    reason: str = "made with the installation",
) -> SigningKey:
    """Keep what is to be published of a key, and log it.

    Args:
        session: The session at work.
        economy: Whose key.
        record: With its proof.
        by: The account that adds it.
        now: This moment.
        reason: For the audit log.
    """
    row = SigningKey(
        economy=economy,
        key_id=record.key_id,
        use=record.use,
        public_key=json.dumps(key_row(record)["jwk"], sort_keys=True),
        proof=record.proof,
        signs_from=record.signs_from,
        signs_until=record.signs_until,
        state=KeyState.MADE,
        added_by=by,
        added_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        economy=economy,
        actor_id=by,
        at=now,
        tag="signing_key:added",
        subject=f"signing_key:{row.id}",
        reason=reason,
        key_id=row.key_id,
        use=row.use,
    )
    return row


def make_installation(
    folder: Path, *, database: str | None = None, economies: Sequence[str]
) -> Installation:
    """Make the folder of an installation with its settings, and an empty database.

    Args:
        folder: A new or an empty folder; it becomes its owner's alone.
        database: As in ``office.toml``; None is a SQLite file in the folder.
        economies: Whose key folders are named and made.

    Raises:
        SettingsError: There is something in the folder.
        SchemaError: The database is not empty.
        StoreDown, StoreError: It cannot be used.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(file=str(folder), key="", reason="is not empty")
    folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    folder.chmod(_OWNER_ONLY)
    replace_file(folder / FILE, _settings(database, economies).encode())
    (folder / FILE).chmod(0o600)  # a database's address may hold a password
    installation = Installation.load(folder)
    for place in (installation.outside, *installation.publish.keys, "keys"):
        installation.path(place).mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    for code in economies:
        installation.path(f"keys/{code}").mkdir(mode=_OWNER_ONLY, exist_ok=True)
    Store.create(installation.database_url).close()
    return installation


def _settings(database: str | None, economies: Sequence[str]) -> str:
    lines = [
        "# The settings of this installation; docs/operations/office.md explains them.",
        f"database = {_quoted(database or 'sqlite:///abtc.sqlite3')}",
        "# Better on another disk than the database: what a restore must not lose.",
        'outside = "outside"',
        "",
        "[keys]",
        *(f'{code} = "file:keys/{code}"' for code in economies),
        "",
        "[publish]",
        'out = "public"',
        'keys = ["keys/publish"]',
        'journal = "outside/journal.jsonl"',
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _account(login: str, name: str, economy: str, now: datetime) -> Account:
    return Account(
        economy=economy,
        login=login,
        display_name=name,
        kind=AccountKind.PERSON,
        created_at=now,
    )
