"""Showing who one is: password and second factor, each try counted before it is made.

A try takes its place in the count of failures first and gives it back when it was good;
so however many are made at once, no more than five get through before the account
waits.  Nothing that comes back tells an unknown login from a wrong password or from an
account that waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import audit, sessions, totp
from issuer.errors import Conflict, Invalid, NotProven
from issuer.installation_key import InstallationKey
from issuer.passkeys import PasskeyPlace, credential_of
from issuer.passwords import (
    hash_password,
    is_code,
    is_outdated,
    password_problem,
    verify_password,
)
from issuer.store import Account, AccountKind, Passkey, Store

TRIES: Final = 5
"""Failures after which an account waits."""
_FIRST_WAIT: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(hours=1)
_DOUBLINGS: Final = 6
MAX_PASSKEYS: Final = 10
_TOTP: Final = "totp"
_REFUSED: Final = (
    "login, password or code is wrong, or the account waits after failures"
)
_Result = TypeVar("_Result")
_Check = Callable[[Session, Account], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """A place in the count, taken before the try is made."""

    number: int
    password_hash: str | None
    waits_until: datetime | None
    """The wait that this try alone has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyView:
    """A passkey, for its owner."""

    number: int
    label: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What an account can show besides a password."""

    has_totp: bool
    passkeys: tuple[PasskeyView, ...]
    credential_ids: tuple[bytes, ...] = field(repr=False)

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return self.has_totp or bool(self.passkeys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Where people show who they are.  Share one between threads."""

    store: Store
    key: InstallationKey
    passkeys: PasskeyPlace

    def password(self, login: str, password: str, *, now: datetime) -> int:
        """Check a password and return whose it is.

        The count of failures goes back to zero only once the second factor was shown.

        Raises:
            NotProven: It is wrong, the login is unknown, or the account waits.
        """
        taken = self._try(login, now=now)
        kept = taken.password_hash if taken else None
        is_good = verify_password(kept, password)
        if taken is None:
            raise NotProven(_REFUSED)
        is_old = is_good and kept is not None and is_outdated(kept)
        renewed = hash_password(password) if is_old else None

        def work(session: Session) -> bool:
            account = _locked(session, taken.number)
            # It may have been changed or taken away while it was being compared.
            if not is_good or account.password_hash != kept:
                _log(session, account, "account:refused", now, why="password")
                return False
            _give_back(account, taken)
            account.password_hash = renewed or kept
            return True

        if not self._write(taken.number, work, now=now):
            raise NotProven(_REFUSED)
        return taken.number

    def first(self, login: str, code: str, password: str, *, now: datetime) -> int:
        """Take a one-time code for the right to choose a password.

        Raises:
            NotProven: The code is wrong or was used, the login is unknown, or the
                account waits.
            Invalid: The password is too easy; the code remains good.
        """
        if problem := password_problem(password, login=login):
            raise Invalid([("password", "too_easy", problem)])
        hashed = hash_password(password)
        taken = self._try(login, now=now)
        if taken is None:
            raise NotProven(_REFUSED)

        def work(session: Session) -> bool:
            account = _locked(session, taken.number)
            ends_at = account.first_code_ends_at
            is_good = is_code(account.first_code_hash, code)
            if not is_good or ends_at is None or ends_at <= now:
                _log(session, account, "account:refused", now, why="code")
                return False
            _give_back(account, taken)
            account.password_hash = hashed
            account.first_code_hash = account.first_code_ends_at = None
            sessions.end_all(session, account.id, now=now)
            _log(session, account, "account:password_changed", now)
            return True

        if not self._write(taken.number, work, now=now):
            raise NotProven(_REFUSED)
        return taken.number

    def signed_on(self, subject: str, economy: str, *, now: datetime) -> int:
        """Return the account of somebody whom the ministry's sign-on has named.

        Args:
            subject: ``<issuer>#<sub>``, checked.
            economy: Whose sign-on it is.
            now: The moment.

        Raises:
            NotProven: An administrator has linked no account to them, or it waits or
                is closed.
        """

        def work(session: Session) -> int:
            account = session.scalars(
                select(Account).where(
                    Account.oidc_subject == subject, Account.economy == economy
                )
            ).one_or_none()
            if account is None or not _may_try(account, now):
                raise NotProven(_REFUSED)
            return account.id

        return self.store.read(work)

    def factors(self, number: int) -> Factors:
        """Return the second factors of an account."""

        def work(session: Session) -> Factors:
            rows = session.scalars(
                select(Passkey).where(Passkey.account_id == number).order_by(Passkey.id)
            ).all()
            return Factors(
                has_totp=session.get_one(Account, number).totp_secret is not None,
                passkeys=tuple(
                    PasskeyView(
                        number=row.id, label=row.label, created_at=row.created_at
                    )
                    for row in rows
                ),
                credential_ids=tuple(row.credential_id for row in rows),
            )

        return self.store.read(work)

    def totp(self, number: int, code: str, *, now: datetime) -> None:
        """Check a code of the authenticator app; with it, signing in is done.

        Raises:
            NotProven: It is wrong or was used, or the account waits.
        """

        def is_good(_session: Session, account: Account) -> bool:
            if account.totp_secret is None:
                return False
            step = totp.accepted_step(
                self._secret(number, account.totp_secret),
                code,
                now=now,
                last_step=account.totp_last_step,
            )
            account.totp_last_step = step or account.totp_last_step
            return step is not None

        self._factor(number, _TOTP, is_good, now=now)

    def passkey(
        self, number: int, answer: str, *, expected_challenge: bytes, now: datetime
    ) -> None:
        """Check the answer of a passkey; with it, signing in is done.

        Raises:
            NotProven: See `issuer.passkeys.PasskeyPlace.shown`; or the account waits.
        """

        def is_good(session: Session, account: Account) -> bool:
            try:
                credential_id = credential_of(answer)
                row = session.scalars(
                    select(Passkey).where(
                        Passkey.credential_id == credential_id,
                        Passkey.account_id == account.id,
                    )
                ).one_or_none()
                if row is None:
                    return False
                row.sign_count = self.passkeys.shown(
                    answer,
                    expected_challenge=expected_challenge,
                    public_key=row.public_key,
                    sign_count=row.sign_count,
                )
            except NotProven:
                return False
            return True

        self._factor(number, "passkey", is_good, now=now)

    def seal_totp(self, number: int, secret: str) -> str:
        """Seal a new secret, for the time until its first code proves it."""
        return self.key.seal(_TOTP, str(number), secret)

    def pending_totp(self, number: int, sealed: str) -> str:
        """Return a secret that waits for its first code."""
        return self._secret(number, sealed)

    def add_totp(self, number: int, sealed: str, code: str, *, now: datetime) -> None:
        """Set up an authenticator app, in place of one before.

        Raises:
            NotProven: The code is not that of the secret; nothing was changed.
        """
        step = totp.accepted_step(
            self._secret(number, sealed), code, now=now, last_step=None
        )
        if step is None:
            raise NotProven("this is not the code that the app shows now")

        def work(session: Session) -> None:
            account = _locked(session, number)
            account.totp_secret, account.totp_last_step = sealed, step
            _log(session, account, "account:factor_added", now, factor=_TOTP)

        self._write(number, work, now=now)

    def add_passkey(
        self,
        number: int,
        answer: str,
        *,
        label: str,
        expected_challenge: bytes,
        now: datetime,
    ) -> None:
        """Add a passkey.

        Raises:
            NotProven: See `issuer.passkeys.PasskeyPlace.registered`.
            Conflict: ``account.passkeys_full``.
            Forbidden: The passkey is somebody's already.
        """
        made = self.passkeys.registered(answer, expected_challenge=expected_challenge)
        if len(self.factors(number).passkeys) >= MAX_PASSKEYS:
            detail = f"an account has {MAX_PASSKEYS} passkeys at most"
            raise Conflict("account.passkeys_full", detail)

        def work(session: Session) -> None:
            account = _locked(session, number)
            session.add(
                Passkey(
                    account_id=number,
                    credential_id=made.credential_id,
                    public_key=made.public_key,
                    sign_count=made.sign_count,
                    label=label[:100].strip() or "Passkey",
                    created_at=now,
                )
            )
            _log(session, account, "account:factor_added", now, factor="passkey")

        self._write(number, work, now=now)

    def remove_passkey(self, number: int, passkey: int, *, now: datetime) -> None:
        """Take a passkey away.

        Raises:
            Conflict: ``account.last_factor``: there would be no second factor left.
        """

        def work(session: Session) -> None:
            account = _locked(session, number)
            rows = session.scalars(
                select(Passkey).where(Passkey.account_id == number)
            ).all()
            row = next((each for each in rows if each.id == passkey), None)
            if row is None:
                return
            if len(rows) == 1 and account.totp_secret is None:
                detail = "add another way to sign in before you remove this one"
                raise Conflict("account.last_factor", detail)
            session.delete(row)
            _log(session, account, "account:factor_removed", now, factor="passkey")

        self._write(number, work, now=now)

    def signed_out(self, number: int, *, now: datetime) -> None:
        """Log that somebody has signed out."""

        def work(session: Session) -> None:
            account = session.get_one(Account, number)
            _log(session, account, "account:signed_out", now)

        self._write(number, work, now=now)

    def _factor(
        self, number: int, factor: str, is_good: _Check, *, now: datetime
    ) -> None:
        def work(session: Session) -> bool:
            account = _locked(session, number)
            if not _may_try(account, now):
                return False
            if not is_good(session, account):
                _count(account, now)
                _log(session, account, "account:refused", now, why=factor)
                return False
            account.failures, account.locked_until = 0, None
            _log(session, account, "account:signed_in", now, factor=factor)
            return True

        if not self._write(number, work, now=now):
            raise NotProven(_REFUSED)

    def _try(self, login: str, *, now: datetime) -> _Try | None:
        """Take a place in the count; None if there is no account that may try."""
        number = self.store.read(
            lambda session: session.scalars(
                select(Account.id).where(Account.login == login)
            ).one_or_none()
        )
        if number is None:
            return None

        def work(session: Session) -> _Try | None:
            account = _locked(session, number)
            if not _may_try(account, now):
                return None
            _count(account, now)
            return _Try(
                number=number,
                password_hash=account.password_hash,
                waits_until=account.locked_until,
            )

        return self._write(number, work, now=now)

    def _write(
        self, number: int, work: Callable[[Session], _Result], *, now: datetime
    ) -> _Result:
        def ordered(session: Session) -> _Result:
            # The log first and the account second, as everywhere.
            audit.lock(session, session.get_one(Account, number).economy)
            return work(session)

        return self.store.write(ordered, now=now)

    def _secret(self, number: int, sealed: str) -> str:
        return self.key.unseal(_TOTP, str(number), sealed)


def _locked(session: Session, number: int) -> Account:
    return session.get_one(
        Account, number, with_for_update=True, populate_existing=True
    )


def _may_try(account: Account, now: datetime) -> bool:
    return (
        account.kind == AccountKind.PERSON
        and account.closed_at is None
        and (account.locked_until is None or account.locked_until <= now)
    )


def _count(account: Account, now: datetime) -> None:
    account.failures += 1
    account.locked_until = _wait_ends(account.failures, now)


def _give_back(account: Account, taken: _Try) -> None:
    account.failures = max(0, account.failures - 1)
    # A wait that another try began meanwhile stays.
    if account.locked_until == taken.waits_until:
        account.locked_until = None


def _wait_ends(failures: int, now: datetime) -> datetime | None:
    if failures < TRIES:
        return None
    doublings: int = 2 ** min(failures - TRIES, _DOUBLINGS)
    return now + min(_FIRST_WAIT * doublings, _LONGEST_WAIT)


def _log(
    session: Session, account: Account, tag: str, now: datetime, **fields: audit.Scalar
) -> None:
    audit.record(
        session,
        economy=account.economy,
        actor_id=account.id,
        at=now,
        tag=tag,
        subject=f"account:{account.id}",
        reason="signing in",
        **fields,
    )
