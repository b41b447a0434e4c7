"""When people may apply online to an economy, and in whose name that is entered."""

from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, Invalid
from issuer.office import Actor, Desk, Office
from issuer.operations import Answer, Request, once, operation
from issuer.store import Account, AccountKind, PortalOpening, Role

_LOGIN: Final = "applicants-online-"
_NAME: Final = "Applicants online"


class PortalOpen(Request):
    """From when on."""

    opens_at: AwareDatetime | None = Field(
        None, description="When it opens; at once if left out."
    )
    closes_at: AwareDatetime | None = Field(
        None, description="When it closes; open until it is closed if left out."
    )


class PortalClose(Request):
    """From when on."""

    closes_at: AwareDatetime | None = Field(
        None, description="When it closes; at once if left out."
    )


class PortalShow(Request):
    """Nothing to say."""


class PortalView(Answer):
    """Whether people may apply online now, and when they may."""

    is_open: bool
    opens_at: datetime | None
    """Of the time that runs now, or the next one; None if there is none."""
    closes_at: datetime | None


@operation("portal.open", "Let people apply online to this economy.", Role.ADMIN)
def open_portal(desk: Desk, given: PortalOpen) -> PortalView:
    """Open the pages for applicants, now or from a day on.

    Raises:
        Conflict: ``portal.open``: they are open then already.
        Invalid: It would close before it opens, or open in the past.
    """
    opens_at = given.opens_at or desk.now
    if opens_at < desk.now:
        raise Invalid([("opens_at", "past", "is in the past")])
    if given.closes_at is not None and given.closes_at <= opens_at:
        raise Invalid([("closes_at", "order", "is not later than it opens")])

    def work(session: Session) -> PortalView:
        if _from(session, desk.economy, opens_at) is not None:
            raise Conflict("portal.open", "people may apply online then already")
        row = PortalOpening(
            economy=desk.economy,
            account_id=_account(session, desk),
            opens_at=opens_at,
            closes_at=given.closes_at,
            opened_by=desk.actor.account_id,
        )
        session.add(row)
        session.flush()
        desk.log(
            session,
            "portal:opened",
            f"portal:{row.id}",
            opens_at=opens_at.isoformat(),
            closes_at=given.closes_at.isoformat() if given.closes_at else None,
        )
        return _view(row, desk.now)

    return once(desk, given, PortalView, work)


@operation("portal.close", "Let nobody apply online any more.", Role.ADMIN)
def close_portal(desk: Desk, given: PortalClose) -> PortalView:
    """Close the pages for new applications; what was begun can be looked at.

    Raises:
        Conflict: ``portal.closed``: they are not open, nor will be.
        Invalid: It would close in the past.
    """
    closes_at = given.closes_at or desk.now
    if closes_at < desk.now:
        raise Invalid([("closes_at", "past", "is in the past")])

    def work(session: Session) -> PortalView:
        row = _from(session, desk.economy, desk.now)
        if row is None:
            raise Conflict("portal.closed", "nobody can apply online as it is")
        row.closes_at = max(closes_at, row.opens_at)
        row.closed_by = desk.actor.account_id
        desk.log(
            session,
            "portal:closed",
            f"portal:{row.id}",
            closes_at=row.closes_at.isoformat(),
        )
        return _view(row, desk.now)

    return once(desk, given, PortalView, work)


@operation(
    "portal.show",
    "Show whether people may apply online.",
    *tuple(Role),
    changes=False,
)
def show_portal(desk: Desk, given: PortalShow) -> PortalView:
    """Show the time that runs now, or the next one."""

    def work(session: Session) -> PortalView:
        return _view(_from(session, desk.economy, desk.now), desk.now)

    return desk.read(work)


def is_open(session: Session, economy: str, now: datetime) -> bool:
    """Tell whether people may apply online to an economy now."""
    row = _from(session, economy, now)
    return row is not None and row.opens_at <= now


def open_economies(session: Session, now: datetime) -> tuple[str, ...]:
    """Return the economies to which people may apply online now, by code."""
    codes = session.scalars(
        select(PortalOpening.economy)
        .where(PortalOpening.opens_at <= now, _not_over(now))
        .distinct()
        .order_by(PortalOpening.economy)
    )
    return tuple(codes)


def portal_desk(office: Office, economy: str, *, now: datetime, reason: str) -> Desk:
    """Return the desk of the economy's portal account, for one request.

    Raises:
        Conflict: ``portal.closed``: nobody may apply online now, or an administrator
            has closed the account.
    """

    def work(session: Session) -> Account | None:
        row = _from(session, economy, now)
        if row is None or row.opens_at > now:
            return None
        account = session.get_one(Account, row.account_id)
        return account if account.closed_at is None else None

    account = office.store.read(work)
    if account is None:
        raise Conflict("portal.closed", "nobody can apply online at the moment")
    actor = Actor(
        account_id=account.id,
        economy=economy,
        login=account.login,
        roles=frozenset({Role.INTAKE}),
        kind=account.kind,
    )
    return Desk(office=office, actor=actor, now=now, reason=reason)


def _from(session: Session, economy: str, at: datetime) -> PortalOpening | None:
    """Return the first opening that is not over at a moment."""
    return session.scalars(
        select(PortalOpening)
        .where(PortalOpening.economy == economy, _not_over(at))
        .order_by(PortalOpening.opens_at)
        .limit(1)
    ).one_or_none()


def _not_over(at: datetime) -> ColumnElement[bool]:
    return or_(PortalOpening.closes_at.is_(None), PortalOpening.closes_at > at)


def _account(session: Session, desk: Desk) -> int:
    """Return the portal account of an economy; the first opening makes it.

    It has no password, no role and no key, and no administrator can give it one: it is
    of the kind that nobody signs in as.
    """
    login = f"{_LOGIN}{desk.economy.lower()}"
    known = session.scalars(
        select(Account).where(Account.login == login, Account.economy == desk.economy)
    ).one_or_none()
    if known is None:
        known = Account(
            economy=desk.economy,
            login=login,
            display_name=_NAME,
            kind=AccountKind.SYSTEM,
            created_at=desk.now,
            created_by=desk.actor.account_id,
        )
        session.add(known)
        session.flush()
        desk.log(
            session,
            "account:created",
            f"account:{known.id}",
            login=login,
            kind=AccountKind.SYSTEM,
        )
    return known.id


def _view(row: PortalOpening | None, now: datetime) -> PortalView:
    return PortalView(
        is_open=row is not None
        and row.opens_at <= now
        and (row.closes_at is None or row.closes_at > now),
        opens_at=row.opens_at if row else None,
        closes_at=row.closes_at if row else None,
    )
