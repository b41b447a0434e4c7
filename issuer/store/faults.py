"""What a database's error means: the same words for SQLite and PostgreSQL."""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from sqlalchemy import UniqueConstraint
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from issuer.errors import Forbidden
from issuer.store.base import Base

_AGAIN: Final = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: serialization failure, deadlock, lock not available."""
_DOWN: Final = ("08", "25006", "53", "57", "58")
"""How the codes begin: connection, read-only, resources, operator, system."""
_SQLITE_BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
_SQLITE_DOWN: Final = frozenset(
    {"SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN"}
)
_CHECK: Final = re.compile(r"CHECK constraint failed: (\w+)")
_UNIQUE: Final = re.compile(r"UNIQUE constraint failed: (.+)")
_INDEX: Final = re.compile(r"UNIQUE constraint failed: index '(\w+)'")
_TRIGGER: Final = re.compile(r"tr_\w+")


class Fault(Enum):
    """What to do about an error."""

    AGAIN = auto()
    """Begin the transaction again."""
    LOST = auto()
    """Likewise, but whether the last one was kept is not known."""
    DOWN = auto()
    OTHER = auto()


def fault_of(error: DBAPIError) -> Fault:
    """Say what an error means."""
    state = getattr(error.orig, "sqlstate", None)
    name = _sqlite_name(error)
    if state in _AGAIN or name in _SQLITE_BUSY:
        return Fault.AGAIN
    if error.connection_invalidated:
        return Fault.LOST
    if name in _SQLITE_DOWN or (state and state.startswith(_DOWN)):
        return Fault.DOWN
    # What its driver does not even send, such as text with a NUL, says nothing of it.
    if isinstance(error, DataError):
        return Fault.OTHER
    # Without a code of either kind no server has answered.
    return Fault.OTHER if state or name else Fault.DOWN


def rule_of(error: IntegrityError) -> Forbidden:
    """Name the rule that a change broke."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return Forbidden(diagnosis.constraint_name or "not_null")
    message = str(error.orig)
    if named := (_INDEX.search(message) or _CHECK.search(message)):
        return Forbidden(named[1])
    if unique := _UNIQUE.search(message):
        return Forbidden(_unique_name(unique[1]))
    if _TRIGGER.fullmatch(message):
        return Forbidden(message)
    return Forbidden("foreign_key" if "FOREIGN KEY" in message else "not_null")


def _sqlite_name(error: DBAPIError) -> str:
    # Extended codes, such as SQLITE_IOERR_WRITE, begin with the plain one.
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    return "_".join(name.split("_")[:2])


def _unique_name(columns: str) -> str:
    wanted = columns.split(", ")
    for name, table, own in _uniques():
        if [f"{table}.{column}" for column in own] == wanted:
            return name
    return columns


def _uniques() -> Iterator[tuple[str, str, list[str]]]:
    for table in Base.metadata.tables.values():
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint):
                yield (
                    str(constraint.name),
                    table.name,
                    [column.name for column in constraint.columns],
                )
        for index in table.indexes:
            if index.unique:
                yield (
                    str(index.name),
                    table.name,
                    [column.name for column in index.columns],
                )
        yield (
            f"pk_{table.name}",
            table.name,
            [column.name for column in table.primary_key],
        )
