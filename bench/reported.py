"""What a list of reported passports costs: bytes, memory, and the time of a scan."""

import secrets
import statistics
import time
import tracemalloc
import zlib
from collections.abc import Mapping
from typing import Any, Final

import verifier
from bench import report
from tests.simulator import NOW, PUBLISHED, World, passports_token

COUNTS: Final = (1_000, 100_000, 2**18)
USUAL: Final = 100_000
MOST_LOOK_UP: Final = 0.020
"""Bar: seconds of a core for one look-up."""
MOST_SLOWER: Final = 1.25
"""Bar: a card of an economy without a list, beside the same without any list."""
_WORLD: Final = World(economies=["AUS", "NZL", "SGP"])
_NAME: Final = "AUS/passports.jwt"


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    sizes = {count: _size(count) for count in COUNTS}
    scans = 100 if is_quick else 1_000
    usual = _trust({_NAME: _token(USUAL)})
    times = {
        "no list anywhere": _scans("AUS", _trust({}), scans),
        "AUS has a list, card of NZL": _scans("NZL", usual, scans),
        "AUS has a list, card of AUS": _scans("AUS", usual, scans),
        "one look-up": _look_ups(usual, scans),
    }
    report.print_table(
        "Lists of reported passports",
        ["passports", "token", "compressed", "loading", "held"],
        [
            [f"{count:,}", *(f"{each:,}" for each in size.values())]
            for count, size in sizes.items()
        ],
    )
    report.print_table(
        f"A scan beside a list of {USUAL:,}, milliseconds of a core",
        ["card", "median", "p95"],
        [[name, *(f"{x * 1e3:.2f}" for x in each)] for name, each in times.items()],
    )
    report.save(
        "reported",
        {"sizes": sizes, "seconds": times, "bars": _bars(times)},
        is_quick=is_quick,
    )


def _bars(times: Mapping[str, tuple[float, float]]) -> list[dict[str, object]]:
    look_up = times["one look-up"][1]
    before = times["no list anywhere"][0]
    beside = times["AUS has a list, card of NZL"][0]
    return [
        report.print_bar(
            "p95 of a look-up below 20 ms",
            is_met=look_up < MOST_LOOK_UP,
            says=f"{look_up * 1e3:.1f} ms",
        ),
        report.print_bar(
            "cards of an economy without a list are as fast as before",
            is_met=beside < MOST_SLOWER * before,
            says=f"{beside / before:.2f} times as long",
        ),
    ]


def _token(count: int) -> bytes:
    entries = sorted({secrets.token_bytes(6) for _ in range(count)})
    return passports_token([], iat=NOW - PUBLISHED, entries=b"".join(entries))


def _trust(documents: Mapping[str, bytes]) -> verifier.Trust:
    return _WORLD.trust(replace=documents)


def _size(count: int) -> dict[str, Any]:
    token = _token(count)
    before = _loading({})
    seconds = _loading({_NAME: token}) - before
    tracemalloc.start()
    trust = _trust({_NAME: token})
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(trust.passport_lists[0]) > count * 0.99
    return {
        "token": len(token),
        "compressed": len(zlib.compress(token)),
        "milliseconds": round(seconds * 1e3, 1),
        "held": held,
    }


def _loading(documents: Mapping[str, bytes]) -> float:
    times = []
    for _ in range(5):
        started = time.thread_time()
        _trust(documents)
        times.append(time.thread_time() - started)
    return min(times)


def _scans(issuer: str, trust: verifier.Trust, count: int) -> tuple[float, float]:
    """Return median and p95 of new cards, in seconds of this thread."""
    times = []
    for number in range(count):
        card = _WORLD.card(issuer, document_number=f"A{number:07d}")
        shown = _WORLD.show(card)
        started = time.thread_time()
        decision = _WORLD.verify(shown, trust=trust)
        times.append(time.thread_time() - started)
        assert isinstance(decision, verifier.Accepted)
    return _median_and_p95(times)


def _look_ups(trust: verifier.Trust, count: int) -> tuple[float, float]:
    found = trust.passport_list_of("AUS")
    assert found is not None
    times = []
    for number in range(count):
        started = time.thread_time()
        found.names(f"PB{number}", "1980-02-29")
        times.append(time.thread_time() - started)
    return _median_and_p95(times)


def _median_and_p95(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]
