"""Identities for rows that nobody else writes meanwhile."""

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session


def next_id(session: Session, table: Table) -> int:
    """Return the first identity that is free; the caller holds off other writers."""
    return int(session.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0) + 1


def count_on(session: Session, table: Table) -> None:
    """Let PostgreSQL give identities after those that were inserted."""
    if session.connection().dialect.name == "postgresql":
        session.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608  # our own names
                f" (SELECT max(id) FROM {table.name}))"
            )
        )
