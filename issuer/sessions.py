"""Signed-in browsers.  They are kept here, so that they can be ended here.

A browser holds 256 random bits, and this side only their hash.  Each step that lets it
do more gives it a new token and ends the old one, so that a token planted or seen
before is worth nothing.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from issuer.office import Actor
from issuer.store import Account, AccountRole, BrowserSession, Store

IDLE: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=8)
"""From signing in, however busy."""
SIGNING_IN: Final = timedelta(minutes=10)
"""For all steps of signing in."""
FRESH: Final = timedelta(minutes=10)
"""Since signing in, for changing what one signs in with."""
_STEP: Final = timedelta(seconds=30)
"""How far ``seen_at`` may lag behind, so that reading pages is no writing."""
_KEPT: Final = timedelta(days=1)
_MAX_BROWSER: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A browser that is signed in, or on the way there."""

    session_id: int
    token: str = field(repr=False)
    actor: Actor | None
    """None while at the ministry's own sign-on."""
    display_name: str
    signed_in_at: datetime | None
    """None until every factor was shown."""
    state: Mapping[str, Any]
    """What signing in still needs."""

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether it signed in a short while ago."""
        return self.signed_in_at is not None and now - self.signed_in_at < FRESH


def start(
    store: Store,
    *,
    account_id: int | None,
    signed_in_at: datetime | None,
    state: Mapping[str, Any],
    browser: str,
    replaces: Visitor | None,
    now: datetime,
) -> str:
    """Begin a session, ending the one that it replaces, and return its token.

    Args:
        store: The database.
        account_id: Whose; None where that is not known yet.
        signed_in_at: When every factor was shown; None if that is still to come.
        state: What signing in still needs; JSON.
        browser: As it calls itself; cut to 200 characters.
        replaces: What it had until now.
        now: The moment.
    """
    token = secrets.token_urlsafe(32)

    def work(session: Session) -> None:
        session.execute(
            delete(BrowserSession).where(BrowserSession.seen_at < now - _KEPT)
        )
        if replaces is not None:
            _end(session, BrowserSession.id == replaces.session_id, now=now)
        session.add(
            BrowserSession(
                token_hash=_hash(token),
                account_id=account_id,
                state=json.dumps(dict(state)),
                browser=browser[:_MAX_BROWSER],
                signed_in_at=signed_in_at,
                created_at=now,
                seen_at=now,
            )
        )

    store.write(work, now=now)
    return token


def find(store: Store, token: str, *, now: datetime) -> Visitor | None:
    """Return who shows a token.

    Returns:
        None if there is no such session, it has ended, was idle for 15 minutes or is
        eight hours old, or its account is closed.  Roles are those of this moment.
    """

    def work(session: Session) -> tuple[Visitor, bool] | None:
        row = session.scalars(
            select(BrowserSession).where(BrowserSession.token_hash == _hash(token))
        ).one_or_none()
        if row is None or not _is_live(row, now):
            return None
        visitor = _visitor(session, row, token)
        return (visitor, now - row.seen_at >= _STEP) if visitor else None

    found = store.read(work)
    if found is None:
        return None
    visitor, is_due = found
    if is_due:
        _touch(store, visitor, now)
    return visitor


def remember(
    store: Store, visitor: Visitor, state: Mapping[str, Any], *, now: datetime
) -> Visitor:
    """Keep what signing in needs next, in place of what it needed before."""
    text = json.dumps(dict(state))

    def work(session: Session) -> None:
        session.execute(
            update(BrowserSession)
            .where(BrowserSession.id == visitor.session_id)
            .values(state=text)
        )

    store.write(work, now=now)
    return replace(visitor, state=dict(state))


def take(store: Store, visitor: Visitor, name: str, *, now: datetime) -> Any:
    """Return something that was remembered, and forget it: it is good once."""

    def work(session: Session) -> Any:
        row = session.get_one(BrowserSession, visitor.session_id, with_for_update=True)
        state = json.loads(row.state)
        value = state.pop(name, None)
        row.state = json.dumps(state)
        return value

    return store.write(work, now=now)


def end(store: Store, visitor: Visitor, *, now: datetime) -> None:
    """End a session: its token is worth nothing from now on."""
    store.write(
        lambda session: _end(session, BrowserSession.id == visitor.session_id, now=now),
        now=now,
    )


def end_all(
    session: Session, account_id: int, *, now: datetime, but: int | None = None
) -> None:
    """End every session of an account, in the transaction of what makes it so."""
    conditions = [BrowserSession.account_id == account_id]
    if but is not None:
        conditions.append(BrowserSession.id != but)
    _end(session, *conditions, now=now)


def live(session: Session, account_id: int, *, now: datetime) -> list[BrowserSession]:
    """Return the signed-in sessions of an account, the latest first."""
    rows = session.scalars(
        select(BrowserSession)
        .where(
            BrowserSession.account_id == account_id,
            BrowserSession.signed_in_at.is_not(None),
            BrowserSession.ended_at.is_(None),
        )
        .order_by(BrowserSession.seen_at.desc(), BrowserSession.id.desc())
    )
    return [row for row in rows if _is_live(row, now)]


def _is_live(row: BrowserSession, now: datetime) -> bool:
    if row.ended_at is not None:
        return False
    if row.signed_in_at is None:
        return now - row.created_at < SIGNING_IN
    return now - row.seen_at < IDLE and now - row.signed_in_at < LONGEST


def _visitor(session: Session, row: BrowserSession, token: str) -> Visitor | None:
    actor, name = None, ""
    if row.account_id is not None:
        account = session.get_one(Account, row.account_id)
        if account.closed_at is not None:
            return None
        actor, name = actor_of(session, account), account.display_name
    return Visitor(
        session_id=row.id,
        token=token,
        actor=actor,
        display_name=name,
        signed_in_at=row.signed_in_at,
        state=json.loads(row.state),
    )


def actor_of(session: Session, account: Account) -> Actor:
    """Return who an account is, with the roles that it has in this moment.

    Those that wait for a second administrator do not count; of an account that waits
    itself, none does.
    """
    roles = session.scalars(
        select(AccountRole.role).where(
            AccountRole.account_id == account.id, AccountRole.waits.is_(False)
        )
    )
    return Actor(
        account_id=account.id,
        economy=account.economy,
        login=account.login,
        roles=frozenset() if account.waits else frozenset(roles),
        kind=account.kind,
    )


def _touch(store: Store, visitor: Visitor, now: datetime) -> None:
    def work(session: Session) -> None:
        session.execute(
            update(BrowserSession)
            .where(BrowserSession.id == visitor.session_id)
            .values(seen_at=now)
        )

    store.write(work, now=now)


def _end(session: Session, *conditions: Any, now: datetime) -> None:
    session.execute(
        update(BrowserSession)
        .where(*conditions, BrowserSession.ended_at.is_(None))
        .values(ended_at=now)
    )


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
