"""Who acts, where, when and why: what every operation of a back office is given.

An `Office` is an installation that is open.  A `Desk` is one actor at it, for one
request: it holds the moment and the reason, and keeps others' records out of reach.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.config import passphrase_variable, publish_passphrase
from issuer.errors import NotAllowed, NotFound, SigningError
from issuer.installation import Installation
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.passport_register.counts import Counts
from issuer.passport_register.lines import Lines
from issuer.reading_log import ReadingLog
from issuer.scheme import Scheme
from issuer.signing_pool import BatchSigner
from issuer.store import Account, AccountKind, Base, Role, SchemeText, Store
from issuer.together import Together
from issuer.watchlist import WatchList

_Result = TypeVar("_Result")
_NOTED: Final = "abtc_noted"
"""Where a session that only reads keeps what has to be logged of it."""
_NEWEST_SCHEME: Final = (
    select(SchemeText.id)
    .where(SchemeText.approved_at.is_not(None))
    .order_by(SchemeText.approved_at.desc(), SchemeText.id.desc())
    .limit(1)
)
"""Made once: nearly every request asks it."""
_Row = TypeVar("_Row", bound=Base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account that has shown who it is."""

    account_id: int
    economy: str
    login: str
    roles: frozenset[Role]
    kind: AccountKind


def publish_passphrase_of(stem: str) -> bytes:
    """Return the passphrase of a key that publishes from the environment.

    Args:
        stem: ``<role>.<beginning of the key id>``, as its file is named.

    Raises:
        SigningError: It is not there; the message names the variable.
    """
    role = stem.partition(".")[0]
    known = publish_passphrase(role)
    if known is None:
        variable = passphrase_variable(role)
        raise SigningError(f"no passphrase of the key {stem}: set {variable}")
    return known


class SignerSource(Protocol):
    """Where the keys of the hosted economies are."""

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        """Return the key that signs now, and what is published of it.

        Raises:
            SigningError: The economy has none that signs at ``now``, or it cannot be
                reached.
        """


@runtime_checkable
class BatchSource(Protocol):
    """A source of signers that also has many cards signed at once."""

    def batch(
        self, economy: str, *, now: datetime
    ) -> AbstractContextManager[BatchSigner]:
        """Return what signs cards with the key that signs now, until it is left.

        Raises:
            SigningError: As for `SignerSource.signer`.
        """


class NoSigners:
    """For work at an office that never signs: no key is opened."""

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        """Refuse; see `SignerSource`."""
        raise SigningError(f"the {use} keys of {economy} are not opened here")


@dataclass(slots=True, kw_only=True)
class Office:
    """An open installation; share one between threads, make one a process."""

    installation: Installation
    store: Store
    signers: SignerSource
    publish_passphrase: Callable[[str], bytes] = publish_passphrase_of
    """Opens the key of a role that publishes; asked with the name of its file."""
    packaged_scheme: Scheme = field(default_factory=Scheme.load)
    """In force until a version of it was approved here."""
    watch_lists: Mapping[str, WatchList] = field(default_factory=dict)
    """By economy: what is asked about the holders that others send to it.  One that has
    none screens by other means, and nothing here waits for a list."""
    reading_log: ReadingLog = field(default_factory=ReadingLog, repr=False)
    passport_counts: Counts = field(default_factory=Counts, repr=False)
    passport_lines: Lines = field(default_factory=Lines, repr=False)
    issuing: Together[Any, Any] = field(default_factory=Together, repr=False)
    """Where `issuer.signing` has requests meet that come at the same time."""
    _parsed: dict[int, Scheme] = field(default_factory=dict, repr=False)
    _own_actors: dict[str, Actor] = field(default_factory=dict, repr=False)
    """Of the installation itself, by economy: nobody can close or rename them."""

    def scheme(self, session: Session) -> Scheme:
        """Return the scheme in force: the latest that a second person approved."""
        newest = session.scalars(_NEWEST_SCHEME).one_or_none()
        if newest is None:
            return self.packaged_scheme
        if newest not in self._parsed:
            row = session.get_one(SchemeText, newest)
            self._parsed[newest] = Scheme.from_toml(row.text, file=f"version {newest}")
        return self._parsed[newest]

    def system_desk(self, economy: str, *, now: datetime, reason: str) -> "Desk":
        """Return the desk of the installation itself, for what no person asked for.

        Raises:
            NotFound: The economy is not hosted here, or has no such account.
        """
        if economy not in self._own_actors:
            self._own_actors[economy] = self._own_actor(economy)
        actor = self._own_actors[economy]
        return Desk(office=self, actor=actor, now=now, reason=reason)

    def _own_actor(self, economy: str) -> Actor:
        account = self.store.read(
            lambda session: session.scalars(
                select(Account)
                .where(Account.economy == economy, Account.kind == AccountKind.SYSTEM)
                .order_by(Account.id)
                .limit(1)
            ).one_or_none()
        )
        if account is None:
            raise NotFound(f"{economy} has no account of the installation's own")
        return Actor(
            account_id=account.id,
            economy=economy,
            login=account.login,
            roles=frozenset(Role),
            kind=account.kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One actor at an office, for one request."""

    office: Office
    actor: Actor
    now: datetime
    """The moment of the request; timezone-aware."""
    reason: str
    """Why, in the actor's words; goes to the audit log."""
    request_key: str | None = None
    """Given by the caller: the same key gets the same answer."""

    @property
    def economy(self) -> str:
        """The economy whose records this desk may see."""
        return self.actor.economy

    def require(self, *roles: Role) -> None:
        """Demand one of some roles.

        Raises:
            NotAllowed: The actor has none of them.
        """
        if not self.actor.roles & frozenset(roles):
            names = " or ".join(sorted(roles))
            raise NotAllowed(f"{self.actor.login} has not the role {names}")

    def require_person(self) -> None:
        """Demand a person, where a second one decides.

        Raises:
            NotAllowed: The actor is a program.
        """
        if self.actor.kind == AccountKind.PROGRAM:
            raise NotAllowed(f"{self.actor.login} is a program, and no second person")

    def read(self, work: Callable[[Session], _Result]) -> _Result:
        """Run work that changes nothing, and leaves nothing in the log."""
        return self.office.store.read(work)

    def look(self, work: Callable[[Session], _Result]) -> _Result:
        """Run work that changes nothing, and log what it read before returning it.

        Readers wait for nobody while they read: the rows that `log` was called for are
        written afterwards, in a short transaction that readers share.

        Raises:
            StoreDown: Nothing was read, or it could not be logged; nobody has seen it.
        """

        def noted(session: Session) -> tuple[_Result, list[dict[str, Any]]]:
            notes: list[dict[str, Any]] = []
            session.info[_NOTED] = notes
            return work(session), notes

        result, notes = self.read(noted)

        if notes:
            self.office.reading_log.keep(
                self.office.store, self.economy, notes, now=self.now
            )
        return result

    def write(self, work: Callable[[Session], _Result]) -> _Result:
        """Run work as one transaction that holds this economy's audit log."""

        def locked(session: Session) -> _Result:
            audit.lock(session, self.economy)
            return work(session)

        return self.office.store.write(locked, now=self.now)

    def log(
        self, session: Session, tag: str, subject: str, **fields: audit.Scalar
    ) -> None:
        """Add a row to this economy's audit log; see `issuer.audit.record`."""
        row: dict[str, Any] = {
            "economy": self.economy,
            "actor_id": self.actor.account_id,
            "at": self.now,
            "tag": tag,
            "subject": subject,
            "reason": self.reason,
            **fields,
        }
        if _NOTED in session.info:
            audit.check_fields(tag, fields)
            session.info[_NOTED].append(row)
        else:
            audit.record(session, **row)

    def log_many(self, session: Session, entries: Sequence[audit.Entry]) -> None:
        """Add rows to this economy's audit log; see `issuer.audit.record_many`."""
        audit.record_many(
            session,
            entries,
            economy=self.economy,
            actor_id=self.actor.account_id,
            at=self.now,
            reason=self.reason,
        )

    def entry(
        self, tag: str, subject: str, fields: Mapping[str, audit.Scalar]
    ) -> audit.Entry:
        """Make a row that says that this desk did it, whoever writes it."""
        by = audit.By(self.actor.account_id, self.reason)
        return audit.Entry(tag=tag, subject=subject, fields=fields, by=by)

    def find(self, session: Session, table: type[_Row], key: int) -> _Row:
        """Return a record of this economy.

        Args:
            session: The session at work.
            table: A table with a column ``economy``.
            key: Its identity.

        Raises:
            NotFound: There is none, or it is another economy's.
        """
        row = session.get(table, key)
        if row is None or getattr(row, "economy", None) != self.economy:
            raise NotFound(f"there is no {table.__tablename__} {key}")
        return row
