"""The officer's console as a browser on the device meets it: start, memory, scans.

The program runs as it is installed, with the store and the log of a destination of the
whole scheme; every scan is a request over the loopback interface with a code of its
own, on one connection, as a page keeps it.
"""

import contextlib
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import verifier
from bench import cards, published, report
from bench.published import CARDS, World
from issuer.publish import write_bundle

_HOLDERS: Final = 1_000
"""Travellers who come again and again, each time with a new code: more than come in a
second, for a phone makes no two codes in one."""
_SCANS: Final = 20_000
_END: Final = 1_000
"""Scans at either end of the run that are compared."""
_STARTS: Final = 5
_RUN: Final = "import sys; from verifier.cli import main; sys.exit(main())"

_MOST_START: Final = 2.0
_MOST_BYTES: Final = 150 * 2**20
_MOST_P95: Final = 0.010
_MOST_GROWTH: Final = 8 * 2**20
"""Bars: seconds, bytes, seconds, bytes."""
_MOST_SLOWDOWN: Final = 1.25
"""Bar: p95 of the last thousand against that of the first."""


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    scans = 2 * _END if is_quick else _SCANS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder)
        starts = [_start_once(folder) for _ in range(2 if is_quick else _STARTS)]
        with _console(folder) as console:
            start_cpu = console.cpu()
            time.sleep(3)
            idle, before = console.resident(), console.cpu()
            times, ends = console.scan(scans)
            warm, after = console.resident_after[_END], console.resident()
            cpu = console.cpu() - before
    found = {
        "start_seconds": statistics.median(starts),
        "start_cpu_seconds": start_cpu,
        "scan_cpu_seconds": cpu / scans,
        "idle_bytes": idle,
        "warm_bytes": warm,
        "after_bytes": after,
        "end_p50_seconds": statistics.median(ends),
        "end_p95_seconds": _p95(ends),
        "p50_seconds": statistics.median(times),
        "p95_seconds": _p95(times),
        "first_p95_seconds": _p95(times[:_END]),
        "last_p95_seconds": _p95(times[-_END:]),
    }
    _print(found, scans)
    figures = {"median": found, "scans": scans, "bars": _bars(found, scans)}
    report.save("console", figures, is_quick=is_quick)


def _fill(folder: Path) -> None:
    """Make a store, and the key of a log."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    world = World(cards=CARDS, folder=folder / "world", start=start)
    world.open()
    world.sign(start)
    world.publish(start)
    bundle = world.folder / "bundle.zip"
    write_bundle(world.public, bundle, economy=cards.DESTINATION)
    verifier.TrustStore(folder / "store").sync(
        bundle,
        root=world.root,
        now=datetime.now(UTC),
        economy=cards.DESTINATION,
    )
    (folder / "log.key").write_text(secrets.token_hex(32))
    (chosen,) = [
        each for each in world.lists if (each.issuer, each.number) == (cards.ISSUING, 1)
    ]
    told = {*chosen.status, *chosen.overlays[cards.DESTINATION]}
    holders = (cards.Holder(number=number) for number in range(10 * _HOLDERS))
    good = [each.number for each in holders if cards.status_index(each) not in told]
    (folder / "holders.json").write_text(json.dumps(good[:_HOLDERS]))


class _Console:
    """The running program, and one browser on it."""

    def __init__(self, folder: Path) -> None:
        self.began = time.perf_counter()
        self.resident_after: dict[int, int] = {}
        """Bytes, by how many scans there have been."""
        self._holders = json.loads((folder / "holders.json").read_text())
        given = {
            "--store": folder / "store",
            "--economy": cards.DESTINATION,
            "--port": 0,
            "--log": folder / "log",
            "--log-key": folder / "log.key",
            "--home": folder / "home",
        }
        options = [str(each) for pair in given.items() for each in pair]
        self.process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-c", _RUN, "console", *options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=report.ROOT,
        )
        assert self.process.stdout
        address = self.process.stdout.readline().strip()
        self._origin, _, start = address.partition("/start")
        self._link = HTTPConnection(self._origin.removeprefix("http://"), timeout=60)
        self._link.request("GET", f"/start{start}")
        answer = self._link.getresponse()
        answer.read()
        self._cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self.ask("GET", "state")
        self.seconds = time.perf_counter() - self.began

    def ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Cookie": self._cookie}
        if method != "GET":
            headers |= {"Origin": self._origin, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        self._link.request(method, f"/api/{path}", data, headers)
        answer = self._link.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        return told

    def scan(self, count: int) -> tuple[list[float], list[float]]:
        """Scan so many codes; return what each took, and saying that it is done."""
        shift = {"officer": "bench", "lane": "1", "direction": "entry"}
        self.ask("POST", "shift", shift)
        times, ends = list[float](), list[float]()
        for number in range(count):
            if number % _END == 0:
                self.resident_after[number] = self.resident()
            code = self._code(number)
            body = {"code": code, "passport": None, "challenge": None}
            started = time.perf_counter()
            answer = self.ask("POST", "check", body)
            between = time.perf_counter()
            self.ask("POST", f"answers/{answer['id']}/done", {})
            times.append(between - started)
            ends.append(time.perf_counter() - between)
            assert answer["look"] == "accepted", answer
        return times, ends

    def resident(self) -> int:
        """Return the bytes that it and the processes it began keep in memory."""
        parents = [self.process.pid, *_children(self.process.pid)]
        return sum(map(_resident, parents))

    def cpu(self) -> float:
        """Return the seconds for which it has used a processor."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _code(self, number: int) -> str:
        holder = cards.Holder(number=self._holders[number % len(self._holders)])
        # A second is the finest that a proof tells: another one for each round.
        at = datetime.now(UTC) - timedelta(seconds=number // len(self._holders) % 30)
        return verifier.pack(cards.presentation(_card(holder.number), holder, at=at))


@cache
def _card(number: int) -> str:
    key = published.card_key(cards.ISSUING)
    at = datetime.now(UTC) - timedelta(minutes=1)
    return cards.card_text(cards.Holder(number=number), at=at, key=key)


@contextlib.contextmanager
def _console(folder: Path) -> Iterator[_Console]:
    console = _Console(folder)
    try:
        yield console
    finally:
        console.process.terminate()
        console.process.communicate()


def _start_once(folder: Path) -> float:
    with _console(folder) as console:
        return console.seconds


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in found.read_text().split()] if found.exists() else []


def _resident(pid: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) * 1024 if match else 0


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _print(found: dict[str, float], scans: int) -> None:
    rows = [
        ["start, until the first page has its answer", _ms(found["start_seconds"]), ""],
        ["the processor's part of it", _ms(found["start_cpu_seconds"]), ""],
        ["idle", "", _mebibytes(found["idle_bytes"])],
        [
            "a scan, with its end: the processor's part",
            _ms(found["scan_cpu_seconds"]),
            "",
        ],
        [f"a scan, median of {scans:,}", _ms(found["p50_seconds"]), ""],
        ["p95", _ms(found["p95_seconds"]), ""],
        ["p95 of the first thousand", _ms(found["first_p95_seconds"]), ""],
        ["p95 of the last thousand", _ms(found["last_p95_seconds"]), ""],
        ["a request that decides nothing, median", _ms(found["end_p50_seconds"]), ""],
        ["p95 of that", _ms(found["end_p95_seconds"]), ""],
        ["after the first thousand", "", _mebibytes(found["warm_bytes"])],
        ["after all of them", "", _mebibytes(found["after_bytes"])],
    ]
    title = f"The console of {cards.DESTINATION}, over the loopback interface"
    report.print_table(title, ["", "ms", "MiB resident"], rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:.1f}"


def _bars(found: dict[str, float], scans: int) -> list[dict[str, object]]:
    growth = found["after_bytes"] - found["warm_bytes"]
    slowdown = found["last_p95_seconds"] / found["first_p95_seconds"]
    return [
        report.print_bar(
            "the console starts in less than 2 s",
            is_met=found["start_seconds"] < _MOST_START,
            says=f"{found['start_seconds']:.2f} s",
        ),
        report.print_bar(
            "less than 150 MiB resident when idle",
            is_met=found["idle_bytes"] < _MOST_BYTES,
            says=f"{_mebibytes(found['idle_bytes'])} MiB",
        ),
        report.print_bar(
            "p95 of a scan below 10 ms",
            is_met=found["p95_seconds"] < _MOST_P95,
            says=f"{_ms(found['p95_seconds'])} ms",
        ),
        report.print_bar(
            f"{scans:,} scans in a row: less than 8 MiB more than after a thousand",
            is_met=growth < _MOST_GROWTH,
            says=f"{_mebibytes(growth)} MiB",
        ),
        report.print_bar(
            f"{scans:,} scans in a row: p95 of the last thousand at most 1.25 of that "
            "of the first",
            is_met=slowdown < _MOST_SLOWDOWN,
            says=f"{slowdown:.2f}",
        ),
    ]
