"""Passports asked about through a broker: three owners, one of them down.

Two back offices and the broker are processes as they are served; a fourth economy's
officers ask from processes of their own, all on this machine: about one passport in
each question, and about as many as one question may have.  Beside it the same register
is asked plainly: one HTTP request, no signature, nothing sealed.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment

from bench import report
from examples.passport_check import put
from examples.passport_ground import HOST, Economy, found, free_port, now, serving
from issuer.installation import Installation
from issuer.office import NoSigners, Office
from issuer.passport_register.asking import Asker
from issuer.passport_register.register import standings
from issuer.store import Store
from verifier import PassportQuestion, PassportStatus

BAR_RATE: Final = 500.0
"""Passports a second."""
BAR_P95: Final = 0.050
"""Seconds; of questions about one passport, at half of what it gives, to the owners
that are up, and to the other."""
PASSPORTS: Final = 10_000
ASKERS: Final = 2
"""Processes."""
_THREADS: Final = 4
"""Of each."""
_SECONDS: Final = 20.0
_UP, _DOWN = ("SGP", "NZL"), "JPN"
_ASKER: Final = "AUS"
_UNLIMITED: Final = 10**9
"""Questions a minute: here they are all of one economy."""
_DOWN_EVERY: Final = 10
"""One question in so many is to the owner that is down."""


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    seconds = _SECONDS / 4 if is_quick else _SECONDS
    passports = PASSPORTS // 10 if is_quick else PASSPORTS
    with tempfile.TemporaryDirectory() as name:
        folder, broker = Path(name), free_port()
        economies = found(
            folder, [*_UP, _DOWN, _ASKER], broker=broker, per_asker=_UNLIMITED
        )
        for each in economies[:2]:
            rows = (f"P{number:08},valid" for number in range(passports))
            put(each, folder, "\n".join(("number,state", *rows, "")))
        for each in economies:
            each.office.store.close()
        home = economies[3].office.installation.folder
        up = economies[:2]
        with serving(up, folder, broker=broker, known=economies[:3]) as ids:
            load = _Load(home=home, ids=tuple(ids), passports=passports)
            full = load.ask(seconds)
            half = load.ask(seconds, rate=full["rate"] / 2)
            batch = load.ask(seconds, together=PassportQuestion.MOST)
        plain = _plainly(economies[0], passports, seconds)
    figures: dict[str, Any] = {
        "full": full,
        "half": half,
        "batch": batch,
        "plain": plain,
    }
    figures["bars"] = _print(figures)
    figures["load"] = os.getloadavg()[0]
    report.save("passport check", figures, is_quick=is_quick)


def _print(figures: dict[str, Any]) -> list[dict[str, object]]:
    full, half, batch = figures["full"], figures["half"], figures["batch"]
    report.print_table(
        "Passport checks (milliseconds), all programs on this machine:",
        (
            "", "passports a second", "median", "p95", "p95 of the one that is down",
            "work for each",
        ),
        [
            _row("one in a question, as many as it gives", full),
            _row("the same, at half of that", half),
            _row(f"{PassportQuestion.MOST} in a question", batch),
            _row("one, unsigned, asked plainly", figures["plain"]),
        ],
    )  # fmt: skip
    return [
        report.print_bar(
            "passports a second",
            is_met=batch["rate"] >= BAR_RATE,
            says=f"{batch['rate']:.0f}, at least {BAR_RATE:.0f};"
            f" one in a question {full['rate']:.0f}",
        ),
        report.print_bar(
            "work of all programs for a passport, so that two cores give the rate",
            is_met=batch["work"] <= 2 / BAR_RATE,
            says=f"{1e3 * batch['work']:.2f} ms, at most {2e3 / BAR_RATE:.1f};"
            f" one in a question {1e3 * full['work']:.1f}",
        ),
        report.print_bar(
            "p95 of one in a question, through the broker, at half of what it gives",
            is_met=half["p95"] < BAR_P95 and half["down_p95"] < BAR_P95,
            says=f"{1e3 * half['p95']:.1f} ms, below {1e3 * BAR_P95:.0f}",
        ),
    ]


def _row(name: str, load: dict[str, Any]) -> tuple[str, ...]:
    down, work = load.get("down_p95"), load.get("work")
    return (
        name,
        f"{load['rate']:.0f}",
        f"{1e3 * load['median']:.1f}",
        f"{1e3 * load['p95']:.1f}",
        f"{1e3 * down:.1f}" if down is not None else "",
        f"{1e3 * work:.2f}" if work is not None else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """Officers of one economy, and what they ask."""

    home: Path
    ids: tuple[int, ...]
    """Of the processes that answer."""
    passports: int
    """That each owner has."""

    def ask(
        self, seconds: float, *, together: int = 1, rate: float | None = None
    ) -> dict[str, Any]:
        """Let processes ask; at most about so many passports a second in all."""
        pause = 0.0 if rate is None else ASKERS * _THREADS * together / rate
        before = _worked(self.ids)
        with get_context("spawn").Pool(ASKERS) as pool:
            given = (str(self.home), self.passports, together, seconds, pause)
            told = pool.starmap(asks, [given] * ASKERS)
        up = [each for part in told for each in part[0]]
        down = [each for part in told for each in part[1]]
        worked = sum(part[2] for part in told) + _worked(self.ids) - before
        return _load(up, seconds, together) | {
            "down_p95": _p95(down),
            "down": len(down),
            "work": worked / (together * (len(up) + len(down))),
        }


def _worked(ids: Sequence[int]) -> float:
    """Return how many seconds of a core some processes have had: a busy machine makes
    everything slow, and this hardly more."""
    ticks = 0
    for each in ids:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _load(took: Sequence[float], seconds: float, together: int = 1) -> dict[str, Any]:
    return {
        "rate": together * len(took) / seconds,
        "median": statistics.median(took),
        "p95": _p95(took),
    }


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[int(0.95 * len(took))]


def asks(
    home: str, passports: int, together: int, seconds: float, pause: float
) -> tuple[list[float], list[float], float]:
    """Ask for some seconds, from some threads, about so many passports at a time; tell
    how long each answer took, of the owners that are up and of the other; and the
    seconds of a core for all of them."""
    installation = Installation.load(Path(home))
    store = Store.open(installation.database_url)
    office = Office(installation=installation, store=store, signers=NoSigners())
    up: list[float] = []
    down: list[float] = []
    for code in (*_UP, _DOWN, _DOWN, _DOWN):  # lines are open, and one is known dead
        _one(office, code, range(1))
    ends, worked = time.perf_counter() + seconds, time.process_time()

    def thread(number: int) -> None:
        count = number
        while time.perf_counter() < ends:
            count += 1
            is_down = count % _DOWN_EVERY == 0
            code = _DOWN if is_down else _UP[count % 2]
            first = count * together % passports
            took = _one(office, code, range(first, first + together))
            (down if is_down else up).append(took)
            time.sleep(max(0.0, pause - took))

    threads = [
        threading.Thread(target=thread, args=(97 * number,))
        for number in range(_THREADS)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    worked = time.process_time() - worked
    store.close()
    return up, down, worked


def _one(office: Office, code: str, numbers: range) -> float:
    asked = [PassportQuestion(country=code, number=f"P{each:08}") for each in numbers]
    started = time.perf_counter()
    told = Asker(office).ask(_ASKER, asked, asked_from="a benchmark", now=now())
    took = time.perf_counter() - started
    wanted = PassportStatus.NO_ANSWER if code == _DOWN else PassportStatus.VALID
    assert {each.status for each in told.found} == {wanted}, told.found
    return took


# The same, asked plainly


def _plainly(economy: Economy, passports: int, seconds: float) -> dict[str, Any]:
    port = free_port()
    context = get_context("spawn")
    home = str(economy.office.installation.folder)
    server = context.Process(target=serves_plainly, args=(home, port), daemon=True)
    server.start()
    try:
        with context.Pool(ASKERS) as pool:
            jobs = [(port, passports, seconds)] * ASKERS
            told = pool.starmap(asks_plainly, jobs)
    finally:
        server.terminate()
    return _load([each for part in told for each in part], seconds)


def serves_plainly(home: str, port: int) -> None:
    """Say what a register holds to whoever asks, over HTTP."""
    from waitress import serve  # noqa: PLC0415

    installation = Installation.load(Path(home))
    store = Store.open(installation.database_url)

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        number = str(environ["PATH_INFO"])[1:]
        question = PassportQuestion(country=_UP[0], number=number)
        (found,) = store.read(
            lambda session: standings(
                session, _UP[0], [question], is_complete=True, now=now()
            )
        )
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"status": found.status}).encode()]

    serve(app, host=HOST, port=port, threads=16, ident=None)


def asks_plainly(port: int, passports: int, seconds: float) -> list[float]:
    """Ask for some seconds over one connection."""
    _wait_for(port)
    connection, took = HTTPConnection(HOST, port), []
    ends, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < ends:
        count += 1
        started = time.perf_counter()
        connection.request("GET", f"/P{count % passports:08}")
        told = json.loads(connection.getresponse().read())
        took.append(time.perf_counter() - started)
        assert told == {"status": "VALID"}
    return took


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            connection = HTTPConnection(HOST, port, timeout=1)
            connection.connect()
        except OSError:
            time.sleep(0.1)
        else:
            connection.close()
            return
