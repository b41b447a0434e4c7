"""What everybody does with their own account: password and open sessions."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from issuer import sessions
from issuer.accounts import MadeApiKey, add_key
from issuer.errors import Conflict, Invalid, NotFound
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.passwords import (
    MAX_LENGTH,
    hash_password,
    password_problem,
    verify_password,
)
from issuer.store import Account, BrowserSession, Role

_Password = Annotated[str, Field(max_length=4 * MAX_LENGTH, repr=False)]


class ChangePassword(Request):
    """The password as it is and as it shall be."""

    # Spaces at the ends belong to a password.
    model_config = ConfigDict(str_strip_whitespace=False)

    current: _Password = Field(description="As it is now.")
    new: _Password = Field(description="As it shall be; 12 characters or more.")


class Changed(Answer):
    """It was done."""

    at: datetime


class SessionView(Answer):
    """A browser that is signed in."""

    session: int
    browser: str
    """As it called itself; anybody can claim anything there."""
    signed_in_at: datetime
    seen_at: datetime


class SessionsRequest(Request):
    """One's own sessions."""


class SessionList(Answer):
    """Signed-in browsers, the latest first."""

    sessions: list[SessionView]


class EndSession(Request):
    """One of one's own sessions."""

    session: int = Field(
        ge=1, lt=2**63, description="Number of the session, as session.list has it."
    )


@operation("password.change", "Change one's own password.", *Role)
def change_password(desk: Desk, given: ChangePassword) -> Changed:
    """Change the password; every session ends, and the browser gets a new one.

    Raises:
        Invalid: The current password is wrong, or the new one too easy.
        Conflict: ``account.no_password``: it signs in in another way.
    """
    kept = desk.read(lambda session: _own(desk, session).password_hash)
    if kept is None:
        raise Conflict("account.no_password", "this account has no password")
    if not verify_password(kept, given.current):
        raise Invalid([("current", "wrong", "This is not your password.")])
    if problem := password_problem(given.new, login=desk.actor.login):
        raise Invalid([("new", "too_easy", problem)])
    hashed = hash_password(given.new)

    def work(session: Session) -> Changed:
        account = _own(desk, session)
        if account.password_hash != kept:
            raise Conflict("account.password_changed", "it was changed just now")
        account.password_hash = hashed
        sessions.end_all(session, account.id, now=desk.now)
        desk.log(session, "account:password_changed", f"account:{account.id}")
        return Changed(at=desk.now)

    return desk.write(work)


@operation("session.list", "List one's own sessions.", *Role, changes=False)
def list_sessions(desk: Desk, _given: SessionsRequest) -> SessionList:
    """Return the actor's signed-in browsers."""

    def work(session: Session) -> SessionList:
        rows = sessions.live(session, desk.actor.account_id, now=desk.now)
        return SessionList(
            sessions=[
                SessionView(
                    session=row.id,
                    browser=row.browser,
                    signed_in_at=row.signed_in_at or row.created_at,
                    seen_at=row.seen_at,
                )
                for row in rows
            ]
        )

    return desk.read(work)


@operation("session.end", "End one of one's own sessions.", *Role)
def end_session(desk: Desk, given: EndSession) -> Changed:
    """Sign a browser of one's own out.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """

    def work(session: Session) -> Changed:
        row = session.get(BrowserSession, given.session)
        if row is None or row.account_id != desk.actor.account_id:
            raise NotFound(f"there is no session {given.session}")
        if row.ended_at is None:
            row.ended_at = desk.now
            desk.log(session, "account:signed_out", f"account:{desk.actor.account_id}")
        return Changed(at=desk.now)

    return once(desk, given, Changed, work)


def _own(desk: Desk, session: Session) -> Account:
    return desk.find(session, Account, desk.actor.account_id)


class MakeOwnKey(Request):
    """A key of one's own, for the command line or another program."""

    label: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Which program, on which machine."
    )
    days: int = Field(30, ge=1, le=90, description="How long it is good for.")


@operation("api_key.make_own", "Make a key of one's own.", *Role)
def make_own_key(desk: Desk, given: MakeOwnKey) -> MadeApiKey:
    """Make a key that is good for what the actor may do; it is shown once.

    What is done with it is done by the same account, so it is no second person.
    """
    return add_key(
        desk,
        lambda session: desk.find(session, Account, desk.actor.account_id),
        label=given.label,
        days=given.days,
    )
