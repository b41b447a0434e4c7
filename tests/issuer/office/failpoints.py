"""Named places in issuing where a process dies, fails, or is sent back by the database.

    with armed(office, "record.commit", raise_error):
        issue_one(...)

The places are found from outside: by the statements that go to the database, the calls
that write the log, and the signer.  Nothing in the program knows of them.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from issuer.jws import PublicKey
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.office import SignerSource
from tests.issuer.back_office import BackOffice

DATABASE: Final = (
    "intend.begin",
    "intend.credential",
    "intend.issue",
    "intend.commit",
    "record.begin",
    "record.issue",
    "record.credential",
    "record.commit",
)
"""Inside a transaction: also places where the database may ask to begin again."""
OUTSIDE: Final = ("log.write", "log.fsync", "signer.before", "signer.after")
POINTS: Final = (*DATABASE, *OUTSIDE)

Fault = Callable[[Connection | None], None]


class BrokenError(Exception):
    """What the program did not expect."""


def raise_error(_: Connection | None) -> None:
    raise BrokenError


def ask_to_begin_again(connection: Connection | None) -> None:
    """Let the database refuse the transaction, as it does when two would collide."""
    assert connection is not None
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
        )
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY"
    statement = "COMMIT"
    raise OperationalError(statement, {}, error)


@dataclass
class _Fuse:
    point: str
    fault: Fault
    is_recording: bool = False
    is_burnt: bool = False
    is_open: bool = False

    def at(self, point: str, connection: Connection | None = None) -> None:
        if point == self.point and not self.is_burnt:
            self.is_burnt = True
            self.fault(connection)


@dataclass
class _Signer:
    inner: Signer
    fuse: _Fuse

    @property
    def key_id(self) -> str:
        return self.inner.key_id

    @property
    def use(self) -> KeyUse:
        return self.inner.use

    @property
    def public_key(self) -> PublicKey:
        return self.inner.public_key

    def sign(self, data: bytes) -> bytes:
        self.fuse.at("signer.before")
        signature = self.inner.sign(data)
        self.fuse.at("signer.after")
        self.fuse.is_recording = True
        return signature


@dataclass
class _Signers:
    inner: SignerSource
    fuse: _Fuse

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        signer, record = self.inner.signer(economy, use, now=now)
        return _Signer(signer, self.fuse), record


@contextmanager
def armed(office: BackOffice, point: str, fault: Fault) -> Iterator[BackOffice]:
    """An office in which a fault happens once, at a point."""
    fuse = _Fuse(point, fault)
    engine = office.store.engine

    def before_statement(
        connection: Connection, _c: Any, statement: str, *_: Any
    ) -> None:
        name = _place(statement)
        if name is None or not connection.get_execution_options().get("abtc_writes"):
            return
        step = "record" if fuse.is_recording else "intend"
        fuse.at(f"{step}.{name}", connection)

    def before_commit(connection: Connection) -> None:
        if connection.get_execution_options().get("abtc_writes"):
            step = "record" if fuse.is_recording else "intend"
            fuse.at(f"{step}.commit", connection)

    fsync, pwrite = os.fsync, os.pwrite

    def broken_fsync(descriptor: int) -> None:
        fuse.at("log.fsync")
        fsync(descriptor)

    def broken_pwrite(descriptor: int, data: bytes, at: int) -> int:
        if point == "log.write" and not fuse.is_burnt:
            pwrite(descriptor, data[: len(data) // 2], at)
        fuse.at("log.write")
        return pwrite(descriptor, data, at)

    event.listen(engine, "before_cursor_execute", before_statement)
    event.listen(engine, "commit", before_commit)
    os.fsync, os.pwrite = broken_fsync, broken_pwrite  # type: ignore[assignment]
    try:
        signers = _Signers(office.office.signers, fuse)
        yield BackOffice(office=replace(office.office, signers=signers))
        assert fuse.is_burnt, f"{point} was never reached"
    finally:
        os.fsync, os.pwrite = fsync, pwrite
        event.remove(engine, "before_cursor_execute", before_statement)
        event.remove(engine, "commit", before_commit)


def _place(statement: str) -> str | None:
    places = {
        "SELECT audit_chain": "begin",
        "INSERT INTO credential": "credential",
        "INSERT INTO issue": "issue",
        "UPDATE issue": "issue",
        "UPDATE credential": "credential",
    }
    found = (name for start, name in places.items() if statement.startswith(start))
    return next(found, None)
