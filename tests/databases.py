"""Databases for tests: the same test runs on SQLite and on PostgreSQL.

    def test_it(store: Store) -> None: ...

`tests.conftest` has the fixtures ``store`` and ``database``. PostgreSQL is a server of
our own, started once for each test process, on a socket in a folder of its own; each
test gets a database of its own, copied from one that has the tables. What is in the
database at the beginning, and in the folder beside it, is made once and copied as well:

    prepared.fill("an office", make_office)    # make_office(store, folder)
    prepared.store
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import Dialect, event, make_url, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from issuer.store import Store
from tests.components import path_of

Make = Callable[[Store, Path], None]
"""Fills an empty database and a folder."""
_QUICK = (
    "-c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"
    " -c max_wal_size=64MB"
)
"""A power cut is none of these tests' business; a killed server loses nothing."""
TEMPLATE = "abtc_template"
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSQL:
    """A running server."""

    folder: Path
    options: str = _QUICK
    """Of the server, as on its command line."""

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def new(self, *, template: str = TEMPLATE) -> str:
        """Make a database and return its URL."""
        name = f"abtc_{next(_NUMBERS)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def copy(self, url: str, _: Path) -> str:
        """Make a database that is like another, which nobody is connected to."""
        return self.new(template=make_url(url).database or "")

    def drop(self, url: str) -> None:
        """Take a database away, whoever is still connected to it."""
        name = make_url(url).database
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self) -> str:
        """Make a database without tables and return its URL."""
        return self.new(template="template0")

    def run(self, statement: str, *, database: str = "postgres") -> None:
        """Execute a statement as the server's owner."""
        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        _as_owner("pg_ctl", "-D", self.data, "-w", "-o", self._options, "-l",
                  self.folder / "log", "start")  # fmt: skip

    def kill(self) -> None:
        """End the server and all of its processes as a crash would, at once."""
        _as_owner("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def _options(self) -> str:
        return f"-c listen_addresses= -k {self.folder} {self.options}"


class SQLite:
    """Files, each in the folder of its test."""

    def copy(self, url: str, folder: Path) -> str:
        """Make a database that is like another, which nobody is connected to."""
        target = folder / "abtc.sqlite3"
        shutil.copyfile(make_url(url).database or "", target)
        return f"sqlite:///{target}"

    def drop(self, url: str) -> None:
        """Leave it to the folder's end."""


class Kind(Protocol):
    """SQLite or PostgreSQL."""

    def copy(self, url: str, folder: Path, /) -> str: ...

    def drop(self, url: str) -> None: ...


class Copies:
    """What takes long to make: made once for each process and kind of database.

    Args:
        kind: Of database.
        empty: The URL of one that has the tables, and nothing in them.
        folder: For what is made.
    """

    def __init__(self, kind: Kind, empty: str, folder: Path) -> None:
        self.kind = kind
        self._empty = empty
        self._folder = folder
        self._engine = _KeptEngine(empty)
        self._made: dict[Hashable, tuple[str, Path]] = {}

    @contextmanager
    def store(self, url: str) -> Iterator[Store]:
        """Open a copy; one at a time."""
        with self._engine.at(url) as store:
            yield store

    def copy(self, folder: Path, what: Hashable = None) -> str:
        """Return the URL of a new database, made from ``what`` or empty."""
        url, beside = self._made.get(what, (self._empty, None))
        if beside is not None:
            shutil.copytree(beside, folder, dirs_exist_ok=True)
        return self.kind.copy(url, folder)

    def prepare(self, what: Hashable, make: Make) -> None:
        """Make something to copy, unless it is there."""
        if what in self._made:
            return
        place = self._folder / str(len(self._made))
        beside = place / "beside"
        beside.mkdir(parents=True)
        url = self.kind.copy(self._empty, place)
        with self.store(url) as store:
            make(store, beside)
        self._made[what] = url, beside


class _KeptEngine:
    """One engine, whichever database is at its other end.

    It keeps the statements that it has compiled; a short test spends more on compiling
    them than on running them.
    """

    def __init__(self, url: str) -> None:
        store = Store.open(url)
        store.close()
        self._engine = store.engine
        self._url = self._engine.url
        self._is_used = False
        event.listen(self._engine, "do_connect", self._connect)
        event.listen(self._engine, "connect", self._mark)
        event.listen(self._engine, "checkout", self._check)

    @contextmanager
    def at(self, url: str) -> Iterator[Store]:
        assert not self._is_used, "a test has one such store at a time"
        self._is_used = True
        self._url = make_url(url)
        # Like the engine in all but this: what a test listens to ends with it.
        engine = self._engine.execution_options()
        engine.url = self._url
        try:
            yield Store(engine=engine)
        finally:
            self._engine.dispose()
            self._is_used = False

    def _connect(
        self, dialect: Dialect, _: object, given: list[Any], named: dict[str, Any]
    ) -> None:
        positional, keywords = dialect.create_connect_args(self._url)
        given[:] = positional
        named.update(keywords)

    def _mark(self, _: object, record: ConnectionPoolEntry) -> None:
        record.info["url"] = self._url

    def _check(self, _: object, record: ConnectionPoolEntry, __: object) -> None:
        # A server's thread may outlive its test by a request, and leave a connection to
        # a database that is gone.
        if record.info["url"] != self._url:
            raise DisconnectionError


@dataclass(slots=True, kw_only=True)
class Prepared:
    """Where one test has its database, and what lies beside it."""

    copies: Copies
    folder: Path
    _what: Hashable = None
    _url: str = ""
    _store: Store | None = None
    _ends: ExitStack = field(default_factory=ExitStack)

    def fill(self, what: Hashable, make: Make, *, folder: Path | None = None) -> None:
        """Begin with a copy of what ``make`` makes, in ``folder`` or that of the test.

        Args:
            what: Its name: equal names mean equal contents.
            make: Fills an empty database and a folder; keeps no path of either.
        """
        assert not self._url, "the database is there already, and is empty"
        self.folder = folder or self.folder
        self.copies.prepare(what, make)
        self._what = what

    @property
    def url(self) -> str:
        """Of the database, which is made when it is first asked for."""
        self._url = self._url or self.copies.copy(self.folder, self._what)
        return self._url

    @property
    def store(self) -> Store:
        """The database, open; one for the whole test."""
        if self._store is None:
            self._store = self._ends.enter_context(self.copies.store(self.url))
        return self._store

    def end(self) -> None:
        """Close the database and take it away."""
        self._ends.close()
        if self._url:
            self.copies.kind.drop(self._url)


def planned_rows(store: Store, table: str) -> int:
    """How many rows of a table PostgreSQL plans for; -1 where it has never looked.

    SQLite plans by its indexes alone: there it is how many there are.
    """
    is_sqlite = store.engine.dialect.name == "sqlite"
    count = f"SELECT count(*) FROM {table}"  # noqa: S608
    known = f"SELECT reltuples FROM pg_class WHERE relname = '{table}'"  # noqa: S608
    query = text(count if is_sqlite else known)
    return store.read(lambda session: int(session.scalar(query)))


@contextmanager
def postgresql(*, options: str = _QUICK) -> Iterator[PostgreSQL]:
    """Start a server, and remove it afterwards."""
    # A short path: that of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="abtc-pg-"))
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    server = PostgreSQL(folder=folder, options=options)
    try:
        _as_owner("initdb", "-D", server.data, "-U", "postgres", "-A", "trust",
                  "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")  # fmt: skip
        server.start()
        server.run(f"CREATE DATABASE {TEMPLATE}")
        Store.create(server.url(TEMPLATE)).close()
        yield server
        server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_owner(program: str, *arguments: object) -> None:
    # The server refuses to run as root; its own user then runs it.
    path = Path(path_of("PostgreSQL")).with_name(program)
    command = [str(path), *map(str, arguments)]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(  # noqa: S603
        command, check=True, cwd="/", capture_output=True
    )
