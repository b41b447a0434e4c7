"""Write very many rows at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.orm import Session

Rows = Sequence[Mapping[str, Any]]


def next_id(session: Session, table: Table) -> int:
    """Return the first identity that is free; the caller holds off other writers."""
    return int(session.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0) + 1


def add_rows(session: Session, table: Table, rows: Rows) -> None:
    """Insert rows that all have the same columns, identities among them."""
    if not rows:
        return
    if session.connection().dialect.name == "postgresql":
        _copy(session, table, rows)
    else:
        session.execute(insert(table), list(rows))


def count_on(session: Session, table: Table) -> None:
    """Let PostgreSQL give identities after those that were inserted."""
    if session.connection().dialect.name == "postgresql":
        session.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608  # our own names
                f" (SELECT max(id) FROM {table.name}))"
            )
        )


def _copy(session: Session, table: Table, rows: Rows) -> None:
    dialect = session.connection().dialect
    names = list(rows[0])
    processors = [table.c[name].type.bind_processor(dialect) for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    driver: Any = session.connection().connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(
                [
                    process(row[name]) if process else row[name]
                    for name, process in zip(names, processors, strict=True)
                ]
            )
