"""Make an economy of a demonstration ready: people who work there, keys that sign."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer.accounts import CreateAccount, RoleRequest, create_account, give_role
from issuer.demo.filling import check_is_test
from issuer.keyholder import HEAD_START
from issuer.office import Desk, Office
from issuer.store import Account, AccountKind, KeyState, Role, SigningKey

PEOPLE: Final = (("clerk", "Demonstration Clerk"), ("officer", "Demonstration Officer"))
"""Nobody can sign in as they until an administrator gives them a code."""


def make_ready(office: Office, economy: str, *, now: datetime) -> None:
    """Add what is missing: two people, and a head start for keys just made.

    Nothing real waits for a demonstration's keys, so that they sign at once, as if
    devices had had them for a day.

    Args:
        office: All of its economies are for tests.
        economy: Hosted here.
        now: This moment; timezone-aware.

    Raises:
        Conflict: ``demo.real``: an economy is hosted that is none for tests.
        StoreDown: The database does not answer.
    """

    desk = office.system_desk(economy, now=now, reason="a demonstration")
    there = desk.write(lambda session: _publish_keys(session, desk))
    for name, shown in PEOPLE[there:]:
        _add(desk, name, shown)


def _publish_keys(session: Session, desk: Desk) -> int:
    """Let the keys sign; return how many of the people are there."""
    check_is_test(session)
    keys = select(SigningKey).where(
        SigningKey.economy == desk.economy, SigningKey.state == KeyState.MADE
    )
    for key in session.scalars(keys):
        key.state, key.published_at = KeyState.PUBLISHED, desk.now - HEAD_START
        desk.log(
            session,
            "signing_key:published",
            f"signing_key:{key.id}",
            key_id=key.key_id,
            use=key.use,
        )
    logins = [_login(name, desk.economy) for name, _ in PEOPLE]
    people = select(func.count()).where(Account.login.in_(logins))
    return session.scalar(people) or 0


def _login(name: str, economy: str) -> str:
    return f"demo-{name}-{economy.lower()}"


def _add(desk: Desk, name: str, shown: str) -> None:
    made = create_account(
        desk,
        CreateAccount(
            login=_login(name, desk.economy),
            display_name=shown,
            kind=AccountKind.PERSON,
        ),
    )
    for role in Role:
        if role != Role.ADMIN:
            give_role(desk, RoleRequest(account=made.account, role=role))
