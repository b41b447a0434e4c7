"""Identities for rows that nobody else writes meanwhile."""

from typing import Final

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session

_CACHE: Final = 256 * 1024
"""KiB of pages that SQLite may keep for this process."""


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


def keep_pages(session: Session) -> None:
    """Let SQLite keep what a large transaction changes until it ends.

    With the two megabytes that it comes with, a page of an index would be written, and
    read back, many times before the commit.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE}")
