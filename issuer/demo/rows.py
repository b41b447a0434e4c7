"""Write very many rows at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Table, func, select, text
from sqlalchemy.orm import Session

Rows = Sequence[Mapping[str, Any]]


def next_id(session: Session, table: Table) -> int:
    """Return the first identity that is free; the caller holds off other writers."""
    return int(session.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0) + 1


def add_rows(session: Session, table: Table, rows: Rows) -> None:
    """Insert rows that all have the same columns, identities among them."""
    if not rows:
        return
    connection = session.connection()
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    values = _values(table, names, rows, connection.dialect)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        statement = f"COPY {table.name} ({columns}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in values:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(names))
        driver.executemany(
            f"INSERT INTO {table.name} ({columns}) VALUES ({marks})",  # noqa: S608  # our own names
            values,
        )


def count_on(session: Session, table: Table) -> None:
    """Let PostgreSQL give identities after those that were inserted."""
    if session.connection().dialect.name == "postgresql":
        session.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608  # our own names
                f" (SELECT max(id) FROM {table.name}))"
            )
        )


def _values(
    table: Table, names: Sequence[str], rows: Rows, dialect: Dialect
) -> Iterator[list[Any]]:
    types = [table.c[name].type.dialect_impl(dialect) for name in names]
    processors = [_once_each(each.bind_processor(dialect)) for each in types]
    for row in rows:
        yield [
            process(row[name]) if process else row[name]
            for name, process in zip(names, processors, strict=True)
        ]


def _once_each(process: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    """Prepare each value of a column once: rows share their moments and states."""
    if process is None:
        return None
    known: dict[Any, Any] = {}

    def processed(value: Any) -> Any:
        if value not in known:
            known[value] = process(value)
        return known[value]

    return processed
