"""Databases for tests: the same test runs on SQLite and on PostgreSQL.

    def test_it(store: Store) -> None: ...

`tests.conftest` has the fixtures ``store`` and ``database``. PostgreSQL is a server of
our own, started once for each test process, on a socket in a folder of its own; each
test gets a database of its own, copied from one that has the tables.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import text

from issuer.store import Store
from tests.components import path_of

_QUICK = "-c fsync=off -c full_page_writes=off"
"""A power cut is none of these tests' business; a killed server loses nothing."""
_TEMPLATE = "abtc_template"
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSQL:
    """A running server."""

    folder: Path
    options: str = _QUICK
    """Of the server, as on its command line."""

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def new(self, *, template: str = _TEMPLATE) -> str:
        """Make a database and return its URL."""
        name = f"abtc_{next(_NUMBERS)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

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
        server.run(f"CREATE DATABASE {_TEMPLATE}")
        Store.create(server.url(_TEMPLATE)).close()
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
