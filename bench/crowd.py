"""A back office of any size: filled as demonstrations are, then copied in the database.

The first travellers come from `issuer.demo.filling`, with cards that are really signed.
The rest are copies of them under other numbers and at other moments, made by the
database itself: half a million cards take minutes instead of hours.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Connection, Table, create_engine, make_url, text
from sqlalchemy.schema import CreateIndex, DropIndex

from issuer.demo.filling import fill
from issuer.office import Office
from issuer.store import Base
from issuer.store.cases import LAST_MADE

SIGNED: Final = 2_000
"""Travellers of the filling itself; what goes beyond them is copied."""
OFTEN_ASKED: Final = "TWN"
"""It issued 30,176 cards by the end of 2019 and answered 693,324 requests, 23 times as
many: here it issues one card in 24."""
_SHARE: Final = 24
_SEED: Final = 20_301
_STEP: Final = 7_919
"""Minutes between two copies, so that no queue is full of ties; a prime."""
_SPAN: Final = 60 * 24 * 60
_NUMBERS: Final = frozenset(
    {("passport", "number"), ("application", "number"),
     ("credential", "document_number")}
)  # fmt: skip
"""Texts that no two rows of an economy share."""
_COPIED: Final = (
    "person",
    "passport",
    "application",
    "review_step",
    "card",
    "passport_link",
    "status_list",
    "preclearance",
    "preclearance_event",
    "credential",
)
"""Tables in the order in which their rows refer to each other; not the signed texts."""
_MOVED: Final = frozenset({"application", "preclearance", "preclearance_event"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What filling took."""

    travellers: int
    """Whose cards were signed, one by one."""
    seconds: float
    copies: int
    """Of all of them, made afterwards."""
    copy_seconds: float


def fill_office(
    office: Office, economies: Iterable[str], travellers: int, *, now: datetime
) -> Filled:
    """Fill an empty office.

    Args:
        office: Hosts the economies, with two accounts of persons or more in each.
        economies: Their codes.
        travellers: How many at least; about 19 in 20 have a card.
        now: The moment at which all of it is the state of things.
    """
    base = min(travellers, SIGNED)
    started = time.perf_counter()
    for _ in fill(office, spread(sorted(economies), base), seed=_SEED, now=now):
        pass
    signed = time.perf_counter()
    copies = -(-travellers // base) - 1
    url = office.store.engine.url.render_as_string(hide_password=False)
    multiply(url, copies, now=now)
    return Filled(
        travellers=base,
        seconds=signed - started,
        copies=copies,
        copy_seconds=time.perf_counter() - signed,
    )


def spread(economies: list[str], travellers: int) -> Mapping[str, int]:
    """Share out travellers: what is known of one economy, and the rest evenly."""
    seldom = travellers // _SHARE if OFTEN_ASKED in economies else 0
    others = [code for code in economies if code != OFTEN_ASKED]
    each, more = divmod(travellers - seldom, len(others))
    shares = {code: each + (place < more) for place, code in enumerate(others)}
    return shares | ({OFTEN_ASKED: seldom} if seldom else {})


def multiply(url: str, copies: int, *, now: datetime) -> None:
    """Copy every case so many times; only for databases that nobody else uses."""
    engine = create_engine(make_url(url))
    with engine.connect() as connection, _quick(connection):
        tables = [Base.metadata.tables[name] for name in _COPIED]
        offsets = {table.name: _last(connection, table) for table in tables}
        for table in tables:
            for copy in range(1, copies + 1):
                connection.execute(text(_insert(connection, table, copy, offsets)))
                connection.commit()
        _vary(connection, now)
    engine.dispose()


def _last(connection: Connection, table: Table) -> int:
    key = "number" if table.name == "status_list" else "id"
    found = connection.execute(text(f"SELECT max({key}) FROM {table.name}"))  # noqa: S608  # our own names
    return int(found.scalar() or 0)


def _insert(
    connection: Connection, table: Table, copy: int, offsets: Mapping[str, int]
) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(
        _value(connection, table, column, copy, offsets) for column in table.columns
    )
    key = "number" if table.name == "status_list" else "id"
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {table.name}"  # noqa: S608  # our own names
        f" WHERE {key} <= {offsets[table.name]} ORDER BY {key}"
    )


def _value(
    connection: Connection,
    table: Table,
    column: Column[object],
    copy: int,
    offsets: Mapping[str, int],
) -> str:
    name, place = column.name, (table.name, column.name)
    if place in _NUMBERS:
        return f"{name} || 'C{copy}'"
    if place in {("status_list", "number"), ("credential", "list_number")}:
        return f"{name} + {copy * offsets['status_list']}"
    if name == "id":
        return f"id + {copy * offsets[table.name]}"
    if (name.endswith("_at") and table.name in _MOVED) or name == "at":
        return _earlier(connection, name, copy * _STEP % _SPAN)
    referred = name.removesuffix("_id")
    if name.endswith("_id") and referred in offsets:
        return f"{name} + {copy * offsets[referred]}"
    return f'"{name}"'


def _earlier(connection: Connection, name: str, minutes: int) -> str:
    if connection.dialect.name == "sqlite":
        return f"strftime('%Y-%m-%d %H:%M:%S.000000', {name}, '-{minutes} minutes')"
    return f"{name} - interval '{minutes} minutes'"


def _vary(connection: Connection, now: datetime) -> None:
    """Let destinations have looked at half of what waits, and some passports end."""
    statements = [
        "UPDATE preclearance SET hits = CASE WHEN id % 50 = 1 THEN 1 ELSE 0 END"
        " WHERE state = 'pending' AND id % 2 = 1",
        "INSERT INTO watch_hit (preclearance_id, list_version, reference, found_at,"
        " state) SELECT id, '1', 'R' || id, changed_at, 'open' FROM preclearance"
        " WHERE hits > 0",
    ]
    statements += [
        f"UPDATE passport SET expires_on = '{now.date() + timedelta(days=days)}'"  # noqa: S608  # a date
        f" WHERE id % 1000 = {days}"
        for days in range(1, 60)
    ]
    for statement in statements:
        connection.execute(text(statement))
    connection.commit()


@contextmanager
def _quick(connection: Connection) -> Iterator[None]:
    """Make the indexes anew afterwards, and check no references meanwhile."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        settings = ["PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000"]
    else:
        settings = ["SET session_replication_role = replica",
                    "SET maintenance_work_mem = '512MB'"]  # fmt: skip
    for setting in settings:
        connection.execute(text(setting))
    connection.commit()
    indexes = [
        index
        for name in (*_COPIED, "watch_hit")
        for index in Base.metadata.tables[name].indexes
    ]
    for index in indexes:
        connection.execute(DropIndex(index))
    connection.commit()
    yield
    for index in sorted(indexes, key=lambda each: each.name in LAST_MADE):
        connection.execute(CreateIndex(index))
        connection.commit()
    if not is_sqlite:
        _count_on(connection)


def _count_on(connection: Connection) -> None:
    for name in (*_COPIED, "watch_hit"):
        if name != "status_list":
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"  # noqa: S608  # our own names
                    f" (SELECT max(id) FROM {name}))"
                )
            )
    connection.commit()
