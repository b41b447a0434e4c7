"""Working at the machine itself, under an account of one's own.

Who may read the installation's folder may do what is in it: no password is asked for.
The log names the account, and in the reason the user of the machine.
"""

import getpass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.commands.opening import now
from issuer.errors import NotFound
from issuer.installation import Installation
from issuer.office import Actor, Desk, NoSigners, Office
from issuer.store import Account, AccountKind, AccountRole, Store


def desk_at(folder: Path, *, login: str, reason: str) -> Desk:
    """Open the desk of a person of this installation; nothing is signed there.

    Raises:
        NotFound: There is no such person.
        SettingsError, StoreError: The installation cannot be used.
    """
    installation = Installation.load(folder)
    store = Store.open(installation.database_url)
    try:
        actor = store.read(lambda session: _actor(session, login))
    except BaseException:
        store.close()
        raise
    return Desk(
        office=Office(installation=installation, store=store, signers=NoSigners()),
        actor=actor,
        now=now(),
        reason=f"{reason} (at the machine, by {getpass.getuser()})",
    )


def _actor(session: Session, login: str) -> Actor:
    account = session.scalars(
        select(Account).where(
            Account.login == login,
            Account.kind == AccountKind.PERSON,
            Account.closed_at.is_(None),
        )
    ).one_or_none()
    if account is None:
        raise NotFound(f"there is no person {login}")
    roles = select(AccountRole.role).where(AccountRole.account_id == account.id)
    return Actor(
        account_id=account.id,
        economy=account.economy,
        login=account.login,
        roles=frozenset(session.scalars(roles)),
        kind=account.kind,
    )
