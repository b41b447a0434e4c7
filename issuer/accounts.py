"""Accounts, roles and API keys: what an economy's administrator keeps.

Nobody gives a role to themselves, and nobody knows another's password: a new account
gets a one-time code, with which its owner chooses one.  What one administrator gives,
who comes in, a role or a key, counts once another has confirmed it: `issuer.second`.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, TypeVar

from pydantic import Field
from sqlalchemy import Row, delete, select, update
from sqlalchemy.orm import Session

from issuer import sessions
from issuer.errors import Conflict, Invalid, NotFound, NotProven
from issuer.office import Actor, Desk
from issuer.operations import Answer, Request, once, operation
from issuer.passwords import hash_code, new_code
from issuer.second import (
    administrators_wait,
    check_number,
    must_wait,
    waiting_parts,
)
from issuer.store import (
    Account,
    AccountKind,
    AccountRole,
    ApiKey,
    Passkey,
    Role,
    Store,
)

CODE_LIFE: Final = timedelta(days=3)
"""How long a one-time code waits to be used."""
MAX_KEY_DAYS: Final = 366
_Value = TypeVar("_Value")
_KEY_PREFIX: Final = "abtc_"
"""So that scanners for leaked secrets know an API key when they see one."""

Login = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{1,63}$",
        description="What its owner types: lower case letters, digits, '.', '_', '-'.",
    ),
]
_Label = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="Which program, on which machine.",
    ),
]
_Number = Annotated[int, Field(ge=1, lt=2**63, description="Number of the account.")]


class ApiKeyView(Answer):
    """An API key, without the key."""

    key: int
    label: str
    created_at: datetime
    ends_at: datetime
    closed_at: datetime | None
    waits: bool
    """It is refused until a second administrator has confirmed it."""


class AccountView(Answer):
    """An account."""

    account: int
    login: str
    display_name: str
    kind: AccountKind
    roles: list[Role]
    """Those that are confirmed."""
    waits: bool
    """No role counts until a second administrator has confirmed who signs in here."""
    waiting_roles: list[Role]
    """Given by one administrator, and not confirmed by a second one yet."""
    has_password: bool
    has_totp: bool
    passkeys: int
    signs_on: bool
    """By the ministry's own sign-on."""
    locked_until: datetime | None
    created_at: datetime
    closed_at: datetime | None


class AccountDetails(AccountView):
    """An account with its API keys, the newest first."""

    api_keys: list[ApiKeyView]


class AccountsRequest(Request):
    """Which accounts."""

    include_closed: bool = Field(False, description="Also accounts that are closed.")
    after: int | None = Field(None, description="The last account of the page before.")
    limit: int = Field(50, ge=1, le=200, description="How many at most, up to 200.")


class AccountPage(Answer):
    """Accounts by number; ``next`` asks for the page after, if there is one."""

    accounts: list[AccountView]
    next: int | None


class AccountRequest(Request):
    """One account."""

    account: _Number


class CreateAccount(Request):
    """A new account of this economy, without roles."""

    login: Login
    display_name: str = Field(
        min_length=1, max_length=100, description="As it is shown to others."
    )
    kind: AccountKind = Field(
        AccountKind.PERSON, description="A program signs in by an API key."
    )


class FirstCode(Answer):
    """A one-time code.  It is shown once; hand it over in person or by telephone."""

    account: int
    login: str
    code: str | None
    """None for a program."""
    ends_at: datetime | None


class ConfirmAccess(Request):
    """An account to which another administrator has given something."""

    account: _Number
    number: Annotated[str, Field(pattern=r"^[0-9]{4}-?[0-9]{4}$")] | None = Field(
        None,
        description="That its owner reads out from their own page after signing in;"
        " for a person's account that waits.",
    )


class RoleRequest(Request):
    """A role of an account."""

    account: _Number
    role: Role = Field(description="Which role.")


class LinkSignOn(Request):
    """The person at the ministry's own sign-on whom an account belongs to."""

    account: _Number
    subject: Annotated[str, Field(min_length=1, max_length=160)] | None = Field(
        None, description="The 'sub' there; without one, the link is taken away."
    )


class MakeApiKey(Request):
    """A key for a program."""

    account: _Number
    label: _Label
    days: int = Field(90, ge=1, le=MAX_KEY_DAYS, description="How long it is good for.")


class MadeApiKey(Answer):
    """A key.  It is shown once."""

    key: int
    secret: str
    ends_at: datetime
    waits: bool
    """It is refused until a second administrator has confirmed it."""


class CloseApiKey(Request):
    """A key to end."""

    key: Annotated[int, Field(ge=1, lt=2**63, description="Number of the key.")]


@operation("account.list", "List the accounts.", Role.ADMIN, Role.AUDIT, changes=False)
def list_accounts(desk: Desk, given: AccountsRequest) -> AccountPage:
    """Return accounts of the desk's economy."""

    def work(session: Session) -> AccountPage:
        query = select(Account).where(Account.economy == desk.economy)
        if not given.include_closed:
            query = query.where(Account.closed_at.is_(None))
        query = query.where(Account.id > (given.after or 0)).order_by(Account.id)
        rows = session.scalars(query.limit(given.limit + 1)).all()
        page = rows[: given.limit]
        return AccountPage(
            accounts=_views(session, page),
            next=page[-1].id if len(rows) > given.limit else None,
        )

    return desk.read(work)


@operation("account.show", "Show an account.", Role.ADMIN, Role.AUDIT, changes=False)
def show_account(desk: Desk, given: AccountRequest) -> AccountDetails:
    """Return an account of the desk's economy."""

    def work(session: Session) -> AccountDetails:
        account = desk.find(session, Account, given.account)
        keys = session.scalars(
            select(ApiKey)
            .where(ApiKey.account_id == account.id)
            .order_by(ApiKey.id.desc())
        )
        view = _views(session, [account])[0]
        return AccountDetails(
            **view.model_dump(), api_keys=[_key_view(key) for key in keys]
        )

    return desk.read(work)


@operation(
    "account.create", "Make an account, without roles.", Role.ADMIN, by_person=True
)
def create_account(desk: Desk, given: CreateAccount) -> FirstCode:
    """Make an account.

    The answer holds a secret and is therefore not kept for a repeated request: that
    one gets ``account.exists``.

    Raises:
        Conflict: ``account.exists``: the login is taken, here or in another economy.
        Invalid: ``system`` is no kind that can be made.
    """
    if given.kind == AccountKind.SYSTEM:
        raise Invalid([("kind", "not_allowed", "The installation makes these itself.")])
    code = new_code() if given.kind == AccountKind.PERSON else None

    def work(session: Session) -> FirstCode:
        if session.scalars(
            select(Account.id).where(Account.login == given.login)
        ).one_or_none():
            raise Conflict("account.exists", f"the login {given.login} is taken")
        account = Account(
            economy=desk.economy,
            login=given.login,
            display_name=given.display_name,
            kind=given.kind,
            created_at=desk.now,
            created_by=desk.actor.account_id,
        )
        _let_in(session, desk, account)
        session.add(account)
        session.flush()
        desk.log(
            session,
            "account:created",
            f"account:{account.id}",
            login=given.login,
            kind=given.kind.value,
        )
        return _with_code(desk, account, code)

    return desk.write(work)


@operation("account.close", "Close an account for good.", Role.ADMIN)
def close_account(desk: Desk, given: AccountRequest) -> AccountView:
    """Close an account, its sessions and its API keys.

    Raises:
        Conflict: ``account.oneself``, ``account.closed`` or ``account.system``.
    """

    def work(session: Session) -> AccountView:
        account = _other(desk, session, given.account)
        administrators_wait(session, desk)
        account.closed_at = desk.now
        sessions.end_all(session, account.id, now=desk.now)
        _end_keys(session, desk, account)
        desk.log(session, "account:closed", f"account:{account.id}")
        return _views(session, [account])[0]

    return once(desk, given, AccountView, work)


@operation(
    "account.reset_factors", "Let somebody start anew.", Role.ADMIN, by_person=True
)
def reset_factors(desk: Desk, given: AccountRequest) -> FirstCode:
    """Take password, authenticator app and passkeys away, and give a one-time code.

    For who has lost a phone or a password, or may have been robbed of them.  Sessions
    and keys end, and no role counts until a second administrator has confirmed who
    signs in afterwards.  The answer holds a secret and is not kept for a repeated
    request, which makes a new code.

    Raises:
        Conflict: ``account.oneself``, ``account.closed`` or ``account.no_person``.
    """
    code = new_code()

    def work(session: Session) -> FirstCode:
        account = _other(desk, session, given.account)
        _require_kind(account, AccountKind.PERSON, "account.no_person")
        account.password_hash = account.totp_secret = account.totp_last_step = None
        account.failures, account.locked_until = 0, None
        session.execute(delete(Passkey).where(Passkey.account_id == account.id))
        sessions.end_all(session, account.id, now=desk.now)
        _end_keys(session, desk, account)
        _let_in(session, desk, account)
        desk.log(
            session, "account:factor_removed", f"account:{account.id}", factor="all"
        )
        return _with_code(desk, account, code)

    return desk.write(work)


@operation(
    "account.link",
    "Link an account to the ministry's sign-on.",
    Role.ADMIN,
    by_person=True,
)
def link_sign_on(desk: Desk, given: LinkSignOn) -> AccountView:
    """Say who an account is at the ministry's own sign-on.

    Raises:
        Conflict: ``sign_on.none``: there is no sign-on for this economy;
            ``account.oneself``, ``account.closed`` or ``account.no_person``;
            ``account.waits``: first somebody confirms what another has given it.
        Forbidden: Another account is linked to that person.
    """
    provider = desk.office.installation.web.sign_on
    if provider is None or provider.economy != desk.economy:
        raise Conflict("sign_on.none", "this economy has no sign-on of its own")
    subject = f"{provider.issuer}#{given.subject}" if given.subject else None

    def work(session: Session) -> AccountView:
        account = _other(desk, session, given.account)
        _require_kind(account, AccountKind.PERSON, "account.no_person")
        if account.waits and account.asked_by != desk.actor.account_id:
            raise Conflict("account.waits", "confirm first what another has given it")
        account.oidc_subject = subject
        if subject:
            _let_in(session, desk, account)
        sessions.end_all(session, account.id, now=desk.now)
        tag = "account:factor_added" if subject else "account:factor_removed"
        desk.log(session, tag, f"account:{account.id}", factor="sign_on")
        return _views(session, [account])[0]

    return once(desk, given, AccountView, work)


@operation(
    "account.confirm",
    "Confirm what another administrator has given an account.",
    Role.ADMIN,
    by_person=True,
)
def confirm(desk: Desk, given: ConfirmAccess) -> AccountView:
    """Let what others have given count; one's own goes on waiting.

    Of a person's account that waits, the owner has set up what they sign in with, so
    that nobody else can any more, and says to the second administrator, who has met
    them, the number that their page shows.

    Raises:
        Conflict: ``account.nothing_waits``; ``account.second_person``: all of it was
            given by who asks; ``account.oneself``, ``account.closed``;
            ``account.not_set_up``: its owner has not signed in yet.
        Invalid: ``number``: it is missing or another.
    """

    def work(session: Session) -> AccountView:
        account = _other(desk, session, given.account)
        parts = waiting_parts(session, account)
        if not parts:
            raise Conflict("account.nothing_waits", "there is nothing to confirm")
        others = [part for part, by in parts if by != desk.actor.account_id]
        if not others:
            raise Conflict(
                "account.second_person", "another administrator has to confirm it"
            )
        if account in others and account.kind == AccountKind.PERSON:
            _check_owner(session, account, given.number)
        for part in others:
            part.waits, part.confirmed_by = False, desk.actor.account_id
        session.flush()
        desk.log(
            session,
            "account:confirmed",
            f"account:{account.id}",
            person=account in others,
            roles=sorted(
                each.role.value for each in others if isinstance(each, AccountRole)
            ),
            keys=[each.id for each in others if isinstance(each, ApiKey)],
        )
        return _views(session, [account])[0]

    return once(desk, given, AccountView, work)


def _check_owner(session: Session, account: Account, number: str | None) -> None:
    wanted = check_number(session, account)
    if wanted is None:
        raise Conflict("account.not_set_up", "its owner signs in first")
    if (number or "").replace("-", "") != wanted.replace("-", ""):
        text = "This is not what its owner's page shows."
        raise Invalid([("number", "wrong", text)])
    # A code that was not used is good for nobody any more.
    account.first_code_hash = account.first_code_ends_at = None


@operation("role.give", "Give somebody a role.", Role.ADMIN, by_person=True)
def give_role(desk: Desk, given: RoleRequest) -> AccountView:
    """Give a role; it holds from the next request on, or once it is confirmed.

    Raises:
        Conflict: ``account.closed`` or ``account.system``.
        Forbidden: ``ck_account_role_not_to_oneself``: the database refuses it.
    """

    def work(session: Session) -> AccountView:
        account = _open(desk, session, given.account)
        if session.get(AccountRole, (account.id, given.role)) is None:
            session.add(
                AccountRole(
                    account_id=account.id,
                    role=given.role,
                    given_by=desk.actor.account_id,
                    given_at=desk.now,
                    waits=must_wait(session, desk, account.id),
                )
            )
            session.flush()
            administrators_wait(session, desk)
            desk.log(
                session,
                "account:role_given",
                f"account:{account.id}",
                role=given.role.value,
            )
        return _views(session, [account])[0]

    return once(desk, given, AccountView, work)


@operation("role.take", "Take a role from somebody.", Role.ADMIN)
def take_role(desk: Desk, given: RoleRequest) -> AccountView:
    """Take a role; it is gone with the account's next request.

    Raises:
        Conflict: ``account.oneself``: so an economy keeps an administrator.
    """

    def work(session: Session) -> AccountView:
        account = _other(desk, session, given.account)
        administrators_wait(session, desk)
        row = session.get(AccountRole, (account.id, given.role))
        if row is not None:
            session.delete(row)
            session.flush()
            desk.log(
                session,
                "account:role_taken",
                f"account:{account.id}",
                role=given.role.value,
            )
        return _views(session, [account])[0]

    return once(desk, given, AccountView, work)


@operation("api_key.make", "Make a key for a program.", Role.ADMIN, by_person=True)
def make_api_key(desk: Desk, given: MakeApiKey) -> MadeApiKey:
    """Make an API key; only its hash is kept.

    Nobody makes a key for another person, who would then be in two hands; but whoever
    runs the installation can, at the machine, for a person's first one.

    The answer holds a secret and is not kept for a repeated request, which makes
    another key.

    Raises:
        Conflict: ``account.closed``, ``account.system`` or ``account.another``.
    """

    def work(session: Session) -> Account:
        account = _open(desk, session, given.account)
        if account.kind == AccountKind.SYSTEM:
            raise Conflict("account.system", "nobody signs in as the installation")
        is_own = account.id == desk.actor.account_id
        if account.kind == AccountKind.PERSON and not (
            is_own or desk.actor.kind == AccountKind.SYSTEM
        ):
            raise Conflict("account.another", "a person makes their own keys")
        return account

    return add_key(desk, work, label=given.label, days=given.days)


def add_key(
    desk: Desk, find: Callable[[Session], Account], *, label: str, days: int
) -> MadeApiKey:
    """Add a key to an account, and return it: it is shown once.

    Args:
        desk: Who makes it.
        find: Finds the account, and refuses where it may not have a key.
        label: Which program, on which machine.
        days: How long it is good for.
    """
    secret = _KEY_PREFIX + secrets.token_urlsafe(32)
    ends_at = desk.now + timedelta(days=days)

    def work(session: Session) -> MadeApiKey:
        account = find(session)
        key = ApiKey(
            account_id=account.id,
            key_hash=_key_hash(secret),
            label=label,
            created_at=desk.now,
            ends_at=ends_at,
            made_by=desk.actor.account_id,
            waits=account.id != desk.actor.account_id
            and must_wait(session, desk, account.id),
        )
        session.add(key)
        session.flush()
        desk.log(
            session,
            "api_key:made",
            f"account:{account.id}",
            key=key.id,
            ends_at=ends_at.isoformat(timespec="seconds"),
        )
        return MadeApiKey(key=key.id, secret=secret, ends_at=ends_at, waits=key.waits)

    return desk.write(work)


@operation("api_key.close", "End a program's key.", Role.ADMIN)
def close_api_key(desk: Desk, given: CloseApiKey) -> ApiKeyView:
    """End an API key; it is refused from the next request on.

    Raises:
        NotFound: There is none, or it is another economy's.
    """

    def work(session: Session) -> ApiKeyView:
        key = session.get(ApiKey, given.key)
        account = session.get(Account, key.account_id) if key else None
        # One that is missing looks the same, to the last letter.
        if key is None or account is None or account.economy != desk.economy:
            raise NotFound(f"there is no api_key {given.key}")
        if key.closed_at is None:
            key.closed_at = desk.now
            desk.log(session, "api_key:closed", f"account:{account.id}", key=key.id)
        return _key_view(key)

    return once(desk, given, ApiKeyView, work)


def actor_of_key(store: Store, secret: str, *, now: datetime) -> Actor:
    """Return whose an API key is, with the roles of this moment.

    Raises:
        NotProven: There is no such key, it has ended, or its account is closed.
    """

    def work(session: Session) -> Actor:
        found = session.execute(
            select(ApiKey, Account)
            .join(Account, Account.id == ApiKey.account_id)
            .where(ApiKey.key_hash == _key_hash(secret))
        ).one_or_none()
        if found is None:
            raise NotProven("the key is not accepted")
        key, account = found
        if key.closed_at or key.waits or account.closed_at or key.ends_at <= now:
            raise NotProven("the key is not accepted")
        return sessions.actor_of(session, account)

    return store.read(work)


def _key_hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _key_view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        key=key.id,
        label=key.label,
        created_at=key.created_at,
        ends_at=key.ends_at,
        closed_at=key.closed_at,
        waits=key.waits,
    )


def _let_in(session: Session, desk: Desk, account: Account) -> None:
    """Let an account wait for the second administrator, where there has to be one."""
    account.waits = must_wait(session, desk, account.id)
    account.asked_by, account.confirmed_by = desk.actor.account_id, None


def _end_keys(session: Session, desk: Desk, account: Account) -> None:
    session.execute(
        update(ApiKey)
        .where(ApiKey.account_id == account.id, ApiKey.closed_at.is_(None))
        .values(closed_at=desk.now)
    )


def _open(desk: Desk, session: Session, number: int) -> Account:
    account = desk.find(session, Account, number)
    if account.closed_at is not None:
        raise Conflict("account.closed", f"{account.login} is closed")
    if account.kind == AccountKind.SYSTEM:
        raise Conflict("account.system", "the installation keeps this account itself")
    return account


def _other(desk: Desk, session: Session, number: int) -> Account:
    account = _open(desk, session, number)
    if account.id == desk.actor.account_id:
        raise Conflict("account.oneself", "another administrator has to do this")
    return account


def _require_kind(account: Account, kind: AccountKind, code: str) -> None:
    if account.kind != kind:
        raise Conflict(code, f"{account.login} is a {account.kind}")


def _with_code(desk: Desk, account: Account, code: str | None) -> FirstCode:
    ends_at = desk.now + CODE_LIFE if code else None
    account.first_code_hash = hash_code(code) if code else None
    account.first_code_ends_at = ends_at
    return FirstCode(
        account=account.id, login=account.login, code=code, ends_at=ends_at
    )


def _views(session: Session, accounts: Sequence[Account]) -> list[AccountView]:
    numbers = [account.id for account in accounts]
    roles, waiting = (
        _by_account(
            session.execute(
                select(AccountRole.account_id, AccountRole.role).where(
                    AccountRole.account_id.in_(numbers), AccountRole.waits.is_(waits)
                )
            )
        )
        for waits in (False, True)
    )
    passkeys = _by_account(
        session.execute(
            select(Passkey.account_id, Passkey.id).where(
                Passkey.account_id.in_(numbers)
            )
        )
    )
    return [
        AccountView(
            account=account.id,
            login=account.login,
            display_name=account.display_name,
            kind=account.kind,
            roles=sorted(roles.get(account.id, [])),
            waits=account.waits,
            waiting_roles=sorted(waiting.get(account.id, [])),
            has_password=account.password_hash is not None,
            has_totp=account.totp_secret is not None,
            passkeys=len(passkeys.get(account.id, [])),
            signs_on=account.oidc_subject is not None,
            locked_until=account.locked_until,
            created_at=account.created_at,
            closed_at=account.closed_at,
        )
        for account in accounts
    ]


def _by_account(rows: Iterable[Row[int, _Value]]) -> dict[int, list[_Value]]:
    found: dict[int, list[_Value]] = {}
    for account, value in rows:
        found.setdefault(account, []).append(value)
    return found
