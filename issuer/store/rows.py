"""Write very many rows at once; a broken rule is told as for any other statement."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, func, select, text
from sqlalchemy.orm import Session

from issuer.store.base import Base

Rows = Sequence[Mapping[str, Any]]

_PORTION: Final = 1_000
"""Rows of a statement for PostgreSQL."""


def table_of(kind: type[Base]) -> Table:
    """Return the table of a kind of rows."""
    return Base.metadata.tables[kind.__tablename__]


def add_rows(session: Session, table: Table, rows: Rows) -> None:
    """Insert rows that all have the same columns; what they leave out has no default
    but those of the database.
    """
    if not rows:
        return
    connection, names = _flushed(session), list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) VALUES ({marks})",  # noqa: S608  # our own names
            [*_values(table, names, rows, connection.dialect)],
        )
        return
    _run(
        connection,
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} {_source(table)}",
        rows,
    )


def change_rows(session: Session, table: Table, rows: Rows) -> None:
    """Change rows that exist; the session's own objects are not told.

    Args:
        session: Of a transaction that writes.
        table: One with a column ``id``.
        rows: The identity of each, and what it gets: the same columns in all.
    """
    if not rows:
        return
    connection = _flushed(session)
    names = [name for name in rows[0] if name != "id"]
    if connection.dialect.name == "sqlite":
        changes = ", ".join(f'"{name}" = ?' for name in names)
        connection.exec_driver_sql(
            f"UPDATE {table.name} SET {changes} WHERE id = ?",  # noqa: S608  # our own names
            [*_values(table, [*names, "id"], rows, connection.dialect)],
        )
        return
    changes = ", ".join(f'"{name}" = r."{name}"' for name in names)
    _run(
        connection,
        f"UPDATE {table.name} AS t SET {changes} {_source(table)} WHERE t.id = r.id",  # noqa: S608  # our own names
        rows,
    )


def draw_identities(session: Session, table: Table, count: int) -> list[int]:
    """Draw identities that no row has, nor will get."""
    if not count:
        return []
    connection = _flushed(session)
    if connection.dialect.name == "sqlite":  # which has one writer at a time
        last = connection.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0
        return [*range(last + 1, last + 1 + count)]
    query = text(
        "SELECT nextval(pg_get_serial_sequence(:name, 'id'))"
        " FROM generate_series(1, :count)"
    )
    return [*connection.scalars(query, {"name": table.name, "count": count})]


def _flushed(session: Session) -> Connection:
    session.flush()
    return session.connection()


def _source(table: Table) -> str:
    # One text instead of thousands of parameters, each of which costs as much as a row.
    return (
        f"FROM json_populate_recordset(CAST(NULL AS {table.name}),"
        " CAST(:rows AS json)) AS r"
    )


def _run(connection: Connection, statement: str, rows: Rows) -> None:
    for start in range(0, len(rows), _PORTION):
        portion = rows[start : start + _PORTION]
        connection.execute(
            text(statement), {"rows": json.dumps(portion, default=_written)}
        )


def _written(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, date):  # a moment is one, too
        return value.isoformat()
    raise TypeError(f"no column holds a {type(value).__name__}")


def _values(
    table: Table, names: Sequence[str], rows: Rows, dialect: Dialect
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows as the driver takes them, put together column by column."""
    columns = []
    for name in names:
        values = [row[name] for row in rows]
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        columns.append(_once_each(process, values) if process else values)
    return zip(*columns, strict=True)


def _once_each(process: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """Prepare each value of a column once: rows share their moments and states."""
    known = {value: process(value) for value in set(values)}
    return [known[value] for value in values]
