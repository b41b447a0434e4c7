"""Phones that take their cards from the wallet's server, over HTTP.

The run itself is `tests.wallet_api.load`: token, nonce and credential, each with its
proofs, at the server's own processes, on PostgreSQL as it comes.  First as many as it
gives to phones that never pause, then at half of that.
"""

import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import report
from tests.components import COMPONENTS
from tests.databases import postgresql
from tests.wallet_api.load import Load, standing

PHONES: Final = 32
WORKERS: Final = 2
MIN_RATE: Final = 150.0
"""Bar: cards a second."""
MAX_P99: Final = 0.100
"""Bar: seconds, for each request at half load."""
_SECONDS: Final = 30.0
_MOST: Final = 200
"""Cards for each second: more than that nobody here can issue."""


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    if not COMPONENTS["PostgreSQL"].find():
        print("  without PostgreSQL the wallet's server is not measured")
        return
    seconds = _SECONDS / 3 if is_quick else _SECONDS
    cards = round(_MOST * seconds)
    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql(options="") as server,
        standing(
            Path(folder), database=server.empty(), cards=cards, workers=WORKERS
        ) as place,
    ):
        full = place.run(seconds=seconds, phones=PHONES, rate=None)
        half = place.run(seconds=seconds, phones=PHONES, rate=full.rate / 2)
    figures: dict[str, Any] = {"full": _printed("as many as it gives", full),
               "half": _printed("at half of that", half)}  # fmt: skip
    figures["bars"] = _bars(full, half)
    report.save("wallet", figures, is_quick=is_quick)


def _printed(name: str, load: Load) -> dict[str, Any]:
    took = {
        step: sorted(each.steps[step] for each in load.issuances if step in each.steps)
        for step in ("token", "nonce", "credential")
    }
    took["offer to card"] = sorted(each.took for each in load.issuances)
    report.print_table(
        f"{PHONES} phones, {WORKERS} processes on PostgreSQL, {name}:"
        f" {load.rate:.1f} cards/s, milliseconds",
        ("request", "median", "p95", "p99", "longest"),
        [(step, *_row(each)) for step, each in took.items() if each],
    )
    for each in load.failed[:3]:
        print(f"  failed: {each.problem}")
    return {
        "rate": load.rate,
        "failed": len(load.failed),
        "p99": {step: _quantile(each, 99) for step, each in took.items() if each},
        "load": os.getloadavg()[0],
    }


def _row(took: Sequence[float]) -> tuple[str, ...]:
    figures = (
        statistics.median(took),
        _quantile(took, 95),
        _quantile(took, 99),
        took[-1],
    )
    return tuple(f"{1000 * each:.0f}" for each in figures)


def _quantile(took: Sequence[float], percent: int) -> float:
    return took[-(-len(took) * percent // 100) - 1]


def _bars(full: Load, half: Load) -> list[dict[str, object]]:
    p99 = max(
        _quantile(
            sorted(each.steps[step] for each in half.issuances if step in each.steps),
            99,
        )
        for step in ("token", "nonce", "credential")
    )
    failed = len(full.failed) + len(half.failed)
    return [
        report.print_bar(
            f"at least {MIN_RATE:.0f} full issuances/s",
            is_met=full.rate >= MIN_RATE,
            says=f"{full.rate:.1f}, at a load of {os.getloadavg()[0]:.1f}",
        ),
        report.print_bar(
            f"p99 of every request below {MAX_P99 * 1000:.0f} ms at half load",
            is_met=p99 < MAX_P99,
            says=f"{p99 * 1000:.0f} ms at {half.rate:.1f}/s",
        ),
        report.print_bar(
            "no phone is left without its card",
            is_met=not failed,
            says=f"{failed} of {len(full.issuances) + len(half.issuances):,}",
        ),
    ]
