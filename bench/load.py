"""Twenty programs that issue cards at one office, for minutes, over HTTP.

The run itself is `tests.issuer.load`.  A fresh installation is served by its own
command, on SQLite and, where it is installed, on PostgreSQL as it comes.
"""

import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import report
from tests.components import COMPONENTS
from tests.databases import postgresql
from tests.issuer.load import CLIENTS, Load, standing

MINUTES: Final = 1.0
"""Unless asked for; the bar is for 5, and for 30 in a soak."""
MIN_RATE: Final = 25.0
"""Bar: cards issued a second, of all clients together."""
MAX_P95: Final = 0.300
"""Bar: seconds, for each kind of request."""
MAX_GROWTH: Final = 0.10
_CARDS: Final = 4_000


def run(*, is_quick: bool, minutes: float | None = None) -> None:
    """Measure on each database, print and save."""
    seconds = 60 * (minutes or (MINUTES / 4 if is_quick else MINUTES))
    figures = {"SQLite": _measure("SQLite", None, seconds)}
    if COMPONENTS["PostgreSQL"].find():
        with postgresql(options="") as server:
            figures["PostgreSQL"] = _measure("PostgreSQL", server.empty(), seconds)
    report.save("load", figures, is_quick=is_quick)


def _measure(name: str, database: str | None, seconds: float) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as folder,
        standing(Path(folder), database=database, cards=_CARDS) as place,
    ):
        load = place.run(seconds)
    took = _took(load)
    _print(name, load, took)
    return {
        "seconds": load.seconds,
        "kinds": {kind: _figures(each) for kind, each in took.items()},
        "looks": [[each.at, each.memory, each.handles] for each in load.looks],
        "load": os.getloadavg()[0],
        "bars": _bars(name, load, took),
    }


def _took(load: Load) -> dict[str, list[float]]:
    took: dict[str, list[float]] = defaultdict(list)
    for call in load.calls:
        took[call.kind].append(call.took)
        took["all"].append(call.took)
    return dict(sorted(took.items()))


def _figures(took: Sequence[float]) -> dict[str, float]:
    return {
        "count": len(took),
        "median": statistics.median(took),
        "p95": sorted(took)[-(-len(took) * 95 // 100) - 1],
        "longest": max(took),
    }


def _print(name: str, load: Load, took: dict[str, list[float]]) -> None:
    report.print_table(
        f"{CLIENTS} programs at an office on {name} for {load.seconds:.0f} s,"
        " milliseconds",
        ("request", "count", "a second", "median", "p95", "longest"),
        [_row(kind, _figures(each), load) for kind, each in took.items()],
    )
    last = load.looks[-1]
    print(
        f"  the server: {last.memory / 2**20:.0f} MiB, {last.handles} handles,"
        f" {last.threads} threads; {last.processor / load.seconds:.0%} of a core"
    )


def _row(kind: str, each: dict[str, float], load: Load) -> tuple[str, ...]:
    times = (f"{each[name] * 1000:.0f}" for name in ("median", "p95", "longest"))
    return kind, f"{each['count']:.0f}", f"{each['count'] / load.seconds:.1f}", *times


def _bars(
    name: str, load: Load, took: dict[str, list[float]]
) -> list[dict[str, object]]:
    rate = len(load.issued) / load.seconds
    worst = max(took, key=lambda kind: _figures(took[kind])["p95"])
    p95 = _figures(took[worst])["p95"]
    handles = [each.handles for each in load.warm]
    return [
        report.print_bar(
            f"at least {MIN_RATE:.0f} cards/s for {CLIENTS} clients on {name}",
            is_met=rate >= MIN_RATE,
            says=f"{rate:.1f}, at a load of {os.getloadavg()[0]:.1f}",
        ),
        report.print_bar(
            f"every request within {MAX_P95 * 1000:.0f} ms on {name}",
            is_met=p95 <= MAX_P95,
            says=f"p95 {p95 * 1000:.0f} ms at most, {worst}",
        ),
        report.print_bar(
            f"no request fails on {name}",
            is_met=not load.failed,
            says=f"{len(load.failed)} of {len(load.calls):,}",
        ),
        report.print_bar(
            f"memory grows by {MAX_GROWTH:.0%} at most on {name}",
            is_met=load.growth <= MAX_GROWTH,
            says=f"{load.growth:.1%} from the first fifth to the end",
        ),
        report.print_bar(
            f"file handles stay on {name}",
            is_met=handles[-1] <= max(handles[: len(handles) // 2]),
            says=f"{min(handles)} to {max(handles)}, {handles[-1]} at the end",
        ),
    ]
