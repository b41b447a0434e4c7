"""When an administrator needs a second one, and what waits for that one.

Whoever gives somebody a way in could take it themselves: with two accounts of one's own
one enters as the first and approves as the second.  So whatever one administrator gives
counts once another has confirmed it, who hears from its owner, in person, a number that
only this owner can have seen.
"""

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.jws import canonical
from issuer.office import Desk
from issuer.store import (
    Account,
    AccountKind,
    AccountRole,
    ApiKey,
    HostedEconomy,
    Passkey,
    Role,
    Store,
)

Part = Account | AccountRole | ApiKey
"""What can wait: who comes in, a role, a key."""


def administrators_wait(session: Session, desk: Desk) -> bool:
    """Tell whether an economy's administrators need each other, and keep that it is so.

    They do from the moment at which there are two of them, for ever: one who takes the
    other's role away is not alone again by that.  Call it before an administrator may
    go, and after one may have come.
    """
    economy = session.get_one(HostedEconomy, desk.economy)
    if economy.four_eyes_since is None and len(_administrators(session, desk)) > 1:
        economy.four_eyes_since = desk.now
    return economy.four_eyes_since is not None


def must_wait(session: Session, desk: Desk, account: int | None) -> bool:
    """Tell whether what is given to an account now waits for a second administrator.

    Args:
        session: Of the change.
        desk: Who gives it.
        account: Its number; None for a new one.

    Returns:
        False until an economy has had two administrators; and for the installation
        itself, at the machine, where no other administrator is left to confirm it.
    """
    if not administrators_wait(session, desk):
        return False
    is_person = desk.actor.kind != AccountKind.SYSTEM
    return is_person or bool(_administrators(session, desk) - {account})


def waiting_parts(session: Session, account: Account) -> Sequence[tuple[Part, int]]:
    """Return what waits of an account, each with the account that gave it."""
    roles = session.scalars(
        select(AccountRole)
        .where(AccountRole.account_id == account.id, AccountRole.waits)
        .order_by(AccountRole.role)
    )
    keys = session.scalars(
        select(ApiKey)
        .where(ApiKey.account_id == account.id, ApiKey.waits)
        .order_by(ApiKey.id)
    )
    return [
        *([(account, account.asked_by or 0)] if account.waits else ()),
        *((role, role.given_by or 0) for role in roles),
        *((key, key.made_by or 0) for key in keys),
    ]


def check_number(session: Session, account: Account) -> str | None:
    """Return the number that an account's owner reads out to a second administrator.

    It is made of what they sign in with, so that nobody knows it who does not sign in
    so, and it is another one after every reset.

    Returns:
        Eight digits as ``1234-5678``; None until they have set up both factors.
    """
    passkeys = session.scalars(
        select(Passkey.credential_id).where(Passkey.account_id == account.id)
    ).all()
    has_first = account.password_hash or account.oidc_subject
    if not has_first or not (account.totp_secret or passkeys):
        return None
    known = [
        str(account.id),
        account.password_hash or "",
        account.oidc_subject or "",
        account.totp_secret or "",
        *sorted(each.hex() for each in passkeys),
    ]
    digits = int.from_bytes(sha256(canonical(known)).digest()) % 10**8
    return f"{digits // 10**4:04}-{digits % 10**4:04}"


def own_number(store: Store, account: int) -> str | None:
    """Return the number for the page of whoever has signed in; None if nothing waits.

    Nobody else is ever shown it.
    """

    def work(session: Session) -> str | None:
        row = session.get_one(Account, account)
        return check_number(session, row) if row.waits else None

    return store.read(work)


def _administrators(session: Session, desk: Desk) -> set[int]:
    query = (
        select(Account.id)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(
            Account.economy == desk.economy,
            Account.kind == AccountKind.PERSON,
            Account.closed_at.is_(None),
            Account.waits.is_(False),
            AccountRole.role == Role.ADMIN,
            AccountRole.waits.is_(False),
        )
    )
    return set(session.scalars(query))
