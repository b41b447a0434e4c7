"""How long the pages of a full back office take, beside the same asked plainly.

An office for all economies is filled on SQLite and, where it is installed, on
PostgreSQL (as it comes, with every commit on disk).  Each page is asked for as its
users do: by the operation, which leaves its row in the audit log.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select, text

from bench import mass, report
from bench.crowd import Filled, fill_office
from bench.pages import Page, Places, find_places, pages
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.store import Card, Preclearance, PreclearanceEvent, Store
from tests.components import COMPONENTS
from tests.databases import postgresql
from tests.issuer.back_office import BackOffice, open_office
from tests.simulator import NOW

TRAVELLERS: Final = 20_000
"""Unless another size is asked for; 528,000 have half a million cards."""
BAR: Final = 0.150
"""Seconds; 95 of 100 calls of every page take less."""
READERS: Final = 20
READERS_BAR: Final = 0.300
_CALLS: Final = 50
_PAUSE: Final = 0.8
"""Seconds between two pages of a reader, so that 20 ask for about 25 a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """How long a page took, in seconds."""

    page: str
    rows: int
    median: float
    p95: float
    plain: float | None
    """The same question, asked plainly; the median."""
    is_report: bool


def run(*, is_quick: bool, travellers: int | None = None) -> None:
    """Measure on each database, print and save."""
    size = travellers or (1_000 if is_quick else TRAVELLERS)
    calls = 10 if is_quick else _CALLS
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["SQLite"] = _on_sqlite(Path(folder), size, calls)
    if COMPONENTS["PostgreSQL"].find():
        with tempfile.TemporaryDirectory() as folder:
            figures["PostgreSQL"] = _on_postgresql(Path(folder), size, calls)
    report.save("office", figures, is_quick=is_quick)


def _on_sqlite(folder: Path, size: int, calls: int) -> dict[str, Any]:
    store = Store.create(f"sqlite:///{folder / 'office.sqlite3'}")
    return _measure("SQLite", store, folder, size, calls)


def _on_postgresql(folder: Path, size: int, calls: int) -> dict[str, Any]:
    with postgresql(options="") as server:
        store = Store.open(server.new())
        return _measure("PostgreSQL", store, folder, size, calls)


def _measure(
    name: str, store: Store, folder: Path, size: int, calls: int
) -> dict[str, Any]:
    with _opened(store, folder) as office:
        codes = office.office.packaged_scheme.economies
        filled = fill_office(office.office, codes, size, now=NOW)
        there = volume(store)
        _print_volume(name, filled, there)
        places = store.read(find_places)
        timed = [
            time_page(office.desk(page.economy), page, calls)
            for page in pages(office.office, places, NOW)
        ]
        print_pages(name, timed, there["cards"])
        readers = time_readers(office, places, calls)
        issuing = mass.measure(name, office, is_quick=calls < _CALLS)
    bars = [page_bar(name, timed), _readers_bar(name, readers), issuing.pop("bar")]
    return {
        "volume": there,
        "filled": asdict(filled),
        "pages": [asdict(each) for each in timed],
        "readers": readers,
        "issuing": issuing,
        "load": os.getloadavg()[0],
        "bars": bars,
    }


@contextmanager
def _opened(store: Store, folder: Path) -> Iterator[BackOffice]:
    try:
        known = open_office(store, folder, hosted=())
        codes = known.office.packaged_scheme.economies
        yield open_office(store, folder, hosted=codes)
    finally:
        store.close()


def time_page(desk: Desk, page: Page, calls: int) -> Timed:
    """Ask for a page some times; for a report and for the plain question, few."""
    operation = all_operations()[page.operation]
    given = operation.parse(page.given)
    answer = operation.perform(desk, given)
    took = _took(
        partial(operation.perform, desk, given), 3 if page.is_report else calls
    )
    plain = page.naive and partial(desk.office.store.read, page.naive)
    return Timed(
        page=page.name,
        rows=max((len(v) for v in vars(answer).values() if isinstance(v, tuple)),
                 default=1),
        median=statistics.median(took),
        p95=_p95(took),
        plain=statistics.median(_took(plain, 5)) if plain else None,
        is_report=page.is_report,
    )  # fmt: skip


def time_readers(office: BackOffice, places: Places, calls: int) -> dict[str, float]:
    """Let many read one economy's queue at the same time, as people do, and without
    ever pausing.
    """
    calls = max(5, calls // 5)
    people = _read_at_once(office, places, calls, _PAUSE)
    machines = _read_at_once(office, places, calls, 0)
    return {
        "median": statistics.median(people),
        "p95": _p95(people),
        "without_pause_median": statistics.median(machines),
        "without_pause_p95": _p95(machines),
    }


def _read_at_once(
    office: BackOffice, places: Places, calls: int, pause: float
) -> list[float]:
    operation = all_operations()["incoming.list"]
    desks = [office.desk(places.busy, who=who) for who in ("ann", "bob")]
    took: list[float] = []

    def read(number: int) -> None:
        desk = desks[number % len(desks)]
        time.sleep(pause * number / READERS)
        for _ in range(calls):
            took.extend(_took(partial(operation.perform, desk, {}), 1))
            time.sleep(pause)

    readers = [threading.Thread(target=read, args=(n,)) for n in range(READERS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return took


def _took(ask: Any, calls: int) -> list[float]:
    took = []
    for _ in range(calls):
        started = time.perf_counter()
        ask()
        took.append(time.perf_counter() - started)
    return took


def _p95(took: list[float]) -> float:
    return sorted(took)[max(0, -(-len(took) * 95 // 100) - 1)]


def volume(store: Store) -> dict[str, int]:
    """Count what there is, and its bytes."""
    tables = {
        "cards": Card,
        "pre-clearances": Preclearance,
        "events": PreclearanceEvent,
    }
    counts = store.read(
        lambda session: {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.items()
        }
    )
    if store.engine.dialect.name == "sqlite":
        size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    else:
        size = "SELECT pg_database_size(current_database())"
    return {**counts, "bytes": int(store.read(lambda s: s.scalar(text(size))))}


def _print_volume(name: str, filled: Filled, volume: dict[str, int]) -> None:
    print(
        f"\n{name}: {volume['cards']:,} cards, {volume['pre-clearances']:,}"
        f" pre-clearances, {volume['bytes'] / 2**20:,.0f} MiB;"
        f" {filled.travellers / filled.seconds:,.0f} travellers/s with signed cards"
    )
    if filled.copies:
        many = filled.copies * filled.travellers
        print(f"  {many / filled.copy_seconds:,.0f} travellers/s copied")


def print_pages(name: str, timed: list[Timed], cards: int) -> None:
    """Print how long each page took."""
    report.print_table(
        f"Pages on {name} at {cards:,} cards, milliseconds",
        ("page", "rows", "median", "p95", "asked plainly", "ratio"),
        [_row(each) for each in timed],
    )


def _row(each: Timed) -> tuple[str, ...]:
    plain = each.plain
    return (
        each.page,
        str(each.rows),
        f"{each.median * 1000:.1f}",
        f"{each.p95 * 1000:.1f}",
        f"{plain * 1000:.1f}" if plain else "",
        f"{plain / each.median:.1f}" if plain else "",
    )


def page_bar(name: str, timed: list[Timed]) -> dict[str, object]:
    """Say whether the slowest page is quick enough; reports are no pages."""
    worst = max((each for each in timed if not each.is_report), key=lambda e: e.p95)
    return report.print_bar(
        f"every page within {BAR * 1000:.0f} ms on {name}",
        is_met=worst.p95 < BAR,
        says=f"at most {worst.p95 * 1000:.0f} ms, {worst.page}",
    )


def _readers_bar(name: str, readers: dict[str, float]) -> dict[str, object]:
    return report.print_bar(
        f"{READERS} readers within {READERS_BAR * 1000:.0f} ms on {name}",
        is_met=readers["p95"] < READERS_BAR,
        says=f"p95 {readers['p95'] * 1000:.0f} ms, and without a pause"
        f" {readers['without_pause_p95'] * 1000:.0f} ms",
    )
