"""Open a database, refuse one of another shape, run transactions whole."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Self, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from issuer.errors import StoreDown, StoreError
from issuer.store import schema
from issuer.store.faults import Fault, fault_of, rule_of
from issuer.store.office import ANSWERS, COMMITS, Receipt
from issuer.store.outbox import note_changes

_Result = TypeVar("_Result")

ATTEMPTS: Final = 5
"""How often a transaction is begun, at most."""
_PAUSE: Final = 0.02
"""Seconds before the second attempt; doubled, and varied, for each further one."""
_FEW: Final = 5
_SELDOM: Final = 1_000
"""One transaction in so many takes old receipts away."""
MOST_PRUNED: Final = 5_000
"""Receipts at a time: more than come in between, and a few milliseconds."""
COMMIT_KEPT: Final = timedelta(days=1)
"""How long a receipt of a commit is kept; it is asked about within seconds."""
ANSWER_KEPT: Final = timedelta(days=30)
"""How long the answer to a request key is kept (the API guide says so)."""
_BUSY: Final = 2.0
"""Seconds for which SQLite waits for another writer."""
_PLANNED_FOR_VALUES: Final = "-c plan_cache_mode=force_custom_plan -c jit=off"
"""PostgreSQL plans each statement for the values it comes with: an economy asked about
every card and one asked about none need different indexes.  And compiling a plan would
take longer than the page."""
_PRAGMAS: Final = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
"""What is set on each connection, and read back: 2 is FULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A database of the right shape.  Share one between threads; make one a process.

    Work is given as a function of a session, since a whole transaction may have to be
    done again: it must have no effect but in the database.
    """

    engine: Engine
    _turn: Lock = field(default_factory=Lock, repr=False, compare=False)

    @classmethod
    def open(cls, url: str, *, pool_size: int = 10) -> Self:
        """Open a database.

        Args:
            url: ``sqlite:///<path>`` or ``postgresql+psycopg://...``.
            pool_size: Connections that stay open, at most.

        Raises:
            SchemaError: Its shape is not the one of this version, also where it is
                empty; see `create` and `upgrade`.
            StoreDown: It does not answer.
            StoreError: ``url`` is of no kind known here, or SQLite does not keep to
                what is asked of it: WAL, synchronous FULL and foreign keys.
        """
        store = cls(engine=_engine(url, pool_size))
        with store._setting_up() as connection:
            schema.check(connection)
        return store

    @classmethod
    def create(cls, url: str) -> Self:
        """Make every table in an empty database, and open it.

        Raises:
            SchemaError: The database is not empty.
            StoreDown, StoreError: As for `open`.
        """
        store = cls(engine=_engine(url, _FEW))
        with store._setting_up(writes=True) as connection:
            schema.check_is_empty(connection)
            schema.upgrade(connection)
        with store._setting_up() as connection:
            schema.check(connection)
        return store

    @classmethod
    def upgrade(cls, url: str) -> Self:
        """Bring an older database to the shape of this version, and open it.

        All steps are one transaction: killed on the way, nothing has changed.

        Raises:
            SchemaError: The database is newer than this version, or of another kind.
            StoreDown, StoreError: As for `open`.
        """
        store = cls(engine=_engine(url, _FEW))
        with store._setting_up(writes=True) as connection:
            schema.upgrade(connection)
        with store._setting_up() as connection:
            schema.check(connection)
        return store

    def revision(self) -> str:
        """Return the revision of the database's shape."""
        with self._connection() as connection:
            return schema.revision(connection) or ""

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()

    def read(self, work: Callable[[Session], _Result]) -> _Result:
        """Run work that changes nothing, on one state of the database.

        Raises:
            StoreDown: The database does not answer, after some attempts.
        """
        return self._repeated(lambda _: self._once(work, writes=False))

    def write(self, work: Callable[[Session], _Result], *, now: datetime) -> _Result:
        """Run work as one transaction; at return it is on disk.

        Where the connection breaks while the commit is under way, a receipt written
        with it tells afterwards whether it was done.

        Args:
            work: Is called again, with another session, if the database asks for it.
            now: The moment kept with the receipt.

        Raises:
            Forbidden: A constraint or a trigger refuses it.
            StoreDown: The database does not answer, is full, busy or read-only, after
                some attempts.  Nothing was changed, unless its connection broke in the
                commit and never came back.
        """
        key = f"commit:{secrets.token_hex(16)}"
        results: list[_Result] = []

        def recorded(session: Session) -> _Result:
            if results and session.get(Receipt, key) is not None:
                return results[-1]  # the commit that seemed lost was not
            result = work(session)
            session.flush()
            session.add(Receipt(key=key, digest="", answer="", at=now))
            if secrets.randbelow(_SELDOM) == 0:
                prune(session, now)
            results.append(result)
            return result

        def attempt(_: int) -> _Result:
            with self._in_turn():
                return self._once(recorded, writes=True)

        return self._repeated(attempt)

    def analyze(self) -> None:
        """Have PostgreSQL count what its tables hold, after many rows came at once.

        It plans as if they were empty until it has done so by itself, minutes later: a
        search by name takes a hundred times as long.  SQLite plans by its indexes.

        Raises:
            StoreDown: The database does not answer.
        """
        if self.engine.dialect.name == "postgresql":
            with self._connection(writes=True) as connection:
                connection.execute(text("ANALYZE"))

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        # SQLite has one writer at a time.  Others would look again and again whether
        # it has ended, and the unlucky would wait for long: here they stand in line.
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self._turn.acquire(timeout=_BUSY):
            raise _TryAgain("the database is busy")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _setting_up(self, *, writes: bool = False) -> Iterator[Connection]:
        try:
            with self._connection(writes=writes) as connection:
                yield connection
        except BaseException:
            self.close()
            raise

    def _once(self, work: Callable[[Session], _Result], *, writes: bool) -> _Result:
        with self._connection(writes=writes) as connection:
            session = _Noting(bind=connection, expire_on_commit=False)
            try:
                result = work(session)
                session.flush()
                session.expunge_all()
            finally:
                session.close()
            return result

    def _repeated(self, attempt: Callable[[int], _Result]) -> _Result:
        for number in range(1, ATTEMPTS):
            try:
                return attempt(number)
            except StoreDown as error:
                if not isinstance(error, _TryAgain):
                    raise
            pause = _PAUSE * 2 ** (number - 1)
            time.sleep(pause * (1 + secrets.randbelow(1000) / 1000))
        return attempt(ATTEMPTS)

    @contextmanager
    def _connection(self, *, writes: bool = False) -> Iterator[Connection]:
        try:
            with self.engine.connect() as bare:
                connection = bare.execution_options(abtc_writes=writes)
                with connection.begin():
                    yield connection
        except IntegrityError as error:
            raise rule_of(error) from error
        except DBAPIError as error:
            raise _store_error(error) from error
        except SQLAlchemyError as error:
            raise StoreError(type(error).__name__) from error


def prune(session: Session, now: datetime) -> None:
    """Take away receipts that nobody asks about any more, the oldest first.

    At most `MOST_PRUNED` of each kind; `Store.write` calls this now and then.

    Args:
        session: Of a transaction that writes.
        now: Its moment.
    """
    for kind, kept in ((COMMITS, COMMIT_KEPT), (ANSWERS, ANSWER_KEPT)):
        old = (
            select(Receipt.key)
            .where(text(kind), Receipt.at < now - kept)
            .order_by(Receipt.at)
            .limit(MOST_PRUNED)
            .with_for_update(skip_locked=True)  # another may be at it
        )
        session.execute(
            delete(Receipt).where(Receipt.key.in_(old)),
            execution_options={"synchronize_session": False},
        )


class _Noting(Session):
    """A session whose every flush is looked at; see `issuer.store.outbox`."""


event.listen(_Noting, "after_flush", note_changes)


class _TryAgain(StoreDown):
    """The same transaction may well succeed in a moment."""


def _store_error(error: DBAPIError) -> StoreError:
    match fault_of(error):
        case Fault.AGAIN:
            return _TryAgain("the database is busy")
        case Fault.LOST:
            return _TryAgain("the connection to the database broke")
        case Fault.DOWN:
            return StoreDown("the database cannot be written, or does not answer")
        case Fault.OTHER:
            return StoreError(f"the database refused: {type(error.orig).__name__}")


def _engine(url: str, pool_size: int) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the address of the database cannot be read") from error
    options: dict[str, Any] = {
        "json_serializer": json.dumps,
        "pool_size": pool_size,
        "max_overflow": pool_size,
        "pool_timeout": 5,
        # The last one used is used next: each keeps some pages in memory, and those
        # that are needed at rush hours only shall not fill up as well.
        "pool_use_lifo": True,
    }
    match parsed.drivername:
        case "sqlite":
            engine = create_engine(
                parsed,
                connect_args={"timeout": _BUSY, "isolation_level": None},
                **options,
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        case "postgresql+psycopg":
            engine = create_engine(
                parsed,
                connect_args={"connect_timeout": 5, "options": _PLANNED_FOR_VALUES},
                pool_pre_ping=True,
                **options,
            )
            event.listen(engine, "begin", _begin_postgresql)
        case other:
            raise StoreError(f"{other} is no kind of database known here")
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma, wanted in _PRAGMAS.items():
        connection.execute(f"PRAGMA {pragma} = {wanted}").close()
        found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != wanted:
            raise StoreError(f"SQLite keeps {pragma} at {found}, not {wanted}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer says so at once: two that begin as readers and then want to write would
    # block each other, and SQLite would refuse one without waiting.
    writes = connection.get_execution_options().get("abtc_writes", False)
    # Reading waits for nobody and cannot fail here, so it goes to the driver itself: a
    # small question takes no longer to begin than to answer.
    driver: Any = connection.connection.driver_connection
    if connection.info.get("abtc_writes") is not writes:
        driver.execute(f"PRAGMA query_only = {0 if writes else 1}").close()
        connection.info["abtc_writes"] = writes
    if writes:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        driver.execute("BEGIN").close()


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get("abtc_writes", False):
        connection.execute(
            text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        )
