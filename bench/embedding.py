"""What a device needs to start: seconds and memory, with a synced store of the scheme.

Every start is a process of its own that imports the verifier, loads the store and
decides about a card it has never seen.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import verifier
from bench import cards, published, report
from bench.published import CARDS, World
from issuer.publish import write_bundle

_HOUR: Final = timedelta(hours=1)
_STEPS: Final = {
    "import": "import verifier",
    "load": "load the store",
    "reload": "load it again, nothing new",
    "first": "first decision",
    "second": "the same card again",
    "scan": "import verifier.scan, for pictures",
}
_MOST_SECONDS: Final = 2.0
"""Bar: a whole process."""
_MOST_BYTES: Final = 150 * 2**20
"""Bar: resident, everything loaded."""


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    start = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory() as folder:
        world = World(cards=CARDS, folder=Path(folder) / "world", start=start)
        world.open()
        world.sign(start)
        world.publish(start)
        store, now = world.folder / "store", start + _HOUR
        size, documents = _sync(world, store, now)
        code = _code(world, now)
        starts = [_start(store, code, now) for _ in range(3 if is_quick else 15)]
    found = {
        name: statistics.median(each[name] for each in starts) for name in starts[0]
    }
    _print(found, size, documents)
    bars = _bars(found)
    figures = {"median": found, "starts": len(starts), "store_bytes": size}
    report.save("embedding", {**figures, "bars": bars}, is_quick=is_quick)


def _sync(world: World, folder: Path, now: datetime) -> tuple[int, int]:
    """Fill a store from a stick; return its bytes and how many documents it has."""
    bundle = world.folder / "bundle.zip"
    write_bundle(world.public, bundle, economy=cards.DESTINATION)
    done = verifier.TrustStore(folder).sync(
        bundle, root=world.root, now=now, economy=cards.DESTINATION
    )
    assert not done.problems
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files), done.documents_changed


def _code(world: World, now: datetime) -> str:
    """Return what a phone shows with a card that no list says anything of."""
    (chosen,) = [
        each for each in world.lists if (each.issuer, each.number) == (cards.ISSUING, 1)
    ]
    told = {*chosen.status, *chosen.overlays[cards.DESTINATION]}
    holders = (cards.Holder(number=number) for number in range(1000))
    holder = next(each for each in holders if cards.status_index(each) not in told)
    key = published.card_key(cards.ISSUING)
    card = cards.card_text(holder, at=now, key=key)
    return verifier.pack(cards.presentation(card, holder, at=now))


def _start(store: Path, code: str, now: datetime) -> dict[str, float]:
    given = [str(store), cards.DESTINATION, code, now.isoformat()]
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "bench.start", *given],
        capture_output=True,
        check=True,
        cwd=report.ROOT,
    )
    seconds = time.perf_counter() - started
    found: dict[str, float] = json.loads(done.stdout)
    return {**found, "whole_seconds": seconds}


def _print(found: dict[str, float], size: int, documents: int) -> None:
    rows = [["the interpreter alone", "", _mebibytes(found["bare_bytes"])]]
    rows += [
        [
            says,
            f"{found[f'{name}_seconds'] * 1000:.2f}",
            _mebibytes(found[f"{name}_bytes"]),
        ]
        for name, says in _STEPS.items()
    ]
    whole = f"{found['whole_seconds'] * 1000:.0f}"
    rows.append(["the whole process, its end included", whole, ""])
    report.print_table(
        f"Starting a device of {cards.DESTINATION}: {CARDS:,} cards of 21 economies, "
        f"{documents} documents, {size / 1000:.0f} kB on its disk",
        ["", "ms", "MiB then resident"],
        rows,
    )


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:.1f}"


def _bars(found: dict[str, Any]) -> list[dict[str, object]]:
    return [
        report.print_bar(
            "from nothing to decisions and pictures in less than 2 s",
            is_met=found["whole_seconds"] < _MOST_SECONDS,
            says=f"{found['whole_seconds']:.2f} s",
        ),
        report.print_bar(
            "less than 150 MiB resident with everything loaded",
            is_met=found["second_bytes"] < _MOST_BYTES,
            says=f"{_mebibytes(found['scan_bytes'])} MiB",
        ),
    ]
