"""Passports asked about through a broker: three owners, one of them down.

Two back offices and the broker are processes as they are served; a fourth economy's
officers ask from processes of their own, all on this machine.  Beside it the same
register is asked plainly: one HTTP request, no signature, nothing sealed.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
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
from issuer.passport_register.register import standing
from issuer.store import Store
from verifier import PassportQuestion, PassportStatus

BAR_RATE: Final = 500.0
"""Answers a second."""
BAR_P95: Final = 0.050
"""Seconds; at half of what it gives, of the owners that are up."""
PASSPORTS: Final = 10_000
ASKERS: Final = 2
"""Processes."""
_THREADS: Final = 4
"""Of each."""
_SECONDS: Final = 20.0
_UP, _DOWN = ("SGP", "NZL"), "JPN"
_ASKER: Final = "AUS"
_DOWN_EVERY: Final = 10
"""One question in so many is to the owner that is down."""


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    seconds = _SECONDS / 4 if is_quick else _SECONDS
    passports = PASSPORTS // 10 if is_quick else PASSPORTS
    with tempfile.TemporaryDirectory() as name:
        folder, broker = Path(name), free_port()
        economies = found(folder, [*_UP, _DOWN, _ASKER], broker=broker)
        for each in economies[:2]:
            rows = (f"P{number:08},valid" for number in range(passports))
            put(each, folder, "\n".join(("number,state", *rows, "")))
        for each in economies:
            each.office.store.close()
        home = economies[3].office.installation.folder
        up = economies[:2]
        with serving(up, folder, broker=broker, known=economies[:3]) as ids:
            before = _worked(ids)
            full = _ask(home, passports, seconds, rate=None)
            full["work"] += (_worked(ids) - before) / full["answers"]
            half = _ask(home, passports, seconds, rate=full["rate"] / 2)
        plain = _plainly(economies[0], passports, seconds)
    figures: dict[str, Any] = {"full": full, "half": half, "plain": plain}
    figures["bars"] = _print(figures)
    figures["load"] = os.getloadavg()[0]
    report.save("passport check", figures, is_quick=is_quick)


def _print(figures: dict[str, Any]) -> list[dict[str, object]]:
    full, half, plain = figures["full"], figures["half"], figures["plain"]
    report.print_table(
        "Passport checks (milliseconds), all programs on this machine:",
        ("", "a second", "median", "p95", "p95 of the one that is down"),
        [
            _row("as many as it gives", full),
            _row("at half of that", half),
            _row("unsigned, asked plainly", plain),
        ],
    )
    return [
        report.print_bar(
            "answers a second",
            is_met=full["rate"] >= BAR_RATE,
            says=f"{full['rate']:.0f}, at least {BAR_RATE:.0f}",
        ),
        report.print_bar(
            "work of all programs for an answer, so that two cores give the rate",
            is_met=full["work"] <= 2 / BAR_RATE,
            says=f"{1e3 * full['work']:.1f} ms, at most {2e3 / BAR_RATE:.1f}",
        ),
        report.print_bar(
            "p95 through the broker",
            is_met=half["p95"] < BAR_P95 and half["down_p95"] < BAR_P95,
            says=f"{1e3 * half['p95']:.1f} ms, below {1e3 * BAR_P95:.0f}",
        ),
    ]


def _row(name: str, load: dict[str, Any]) -> tuple[str, ...]:
    down = load.get("down_p95")
    return (
        name,
        f"{load['rate']:.0f}",
        f"{1e3 * load['median']:.1f}",
        f"{1e3 * load['p95']:.1f}",
        f"{1e3 * down:.1f}" if down is not None else "",
    )


def _ask(
    home: Path, passports: int, seconds: float, *, rate: float | None
) -> dict[str, Any]:
    """Let processes ask; at most so many a second in all."""
    pause = 0.0 if rate is None else ASKERS * _THREADS / rate
    with get_context("spawn").Pool(ASKERS) as pool:
        jobs = [(str(home), passports, seconds, pause)] * ASKERS
        told = pool.starmap(asks, jobs)
    up = [each for part in told for each in part[0]]
    down = [each for part in told for each in part[1]]
    answers = len(up) + len(down)
    return _load(up, seconds) | {
        "down_p95": _p95(down),
        "down": len(down),
        "answers": answers,
        "work": sum(part[2] for part in told) / answers,
    }


def _worked(ids: Sequence[int]) -> float:
    """Return how many seconds of a core some processes have had: a busy machine makes
    everything slow, and this hardly more."""
    ticks = 0
    for each in ids:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _load(took: Sequence[float], seconds: float) -> dict[str, Any]:
    return {
        "rate": len(took) / seconds,
        "median": statistics.median(took),
        "p95": _p95(took),
    }


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[int(0.95 * len(took))]


def asks(
    home: str, passports: int, seconds: float, pause: float
) -> tuple[list[float], list[float], float]:
    """Ask for some seconds, from some threads; tell how long each answer took, of the
    owners that are up and of the other; and the seconds of a core for all of them."""
    installation = Installation.load(Path(home))
    store = Store.open(installation.database_url)
    office = Office(installation=installation, store=store, signers=NoSigners())
    up: list[float] = []
    down: list[float] = []
    for code in (*_UP, _DOWN, _DOWN, _DOWN):  # lines are open, and one is known dead
        _one(office, code, 0)
    ends, worked = time.perf_counter() + seconds, time.process_time()

    def thread(number: int) -> None:
        count = number
        while time.perf_counter() < ends:
            count += 1
            is_down = count % _DOWN_EVERY == 0
            code = _DOWN if is_down else _UP[count % 2]
            took = _one(office, code, count % passports)
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


def _one(office: Office, code: str, number: int) -> float:
    question = PassportQuestion(country=code, number=f"P{number:08}")
    started = time.perf_counter()
    found = Asker(office).ask(_ASKER, question, asked_from="a benchmark", now=now())
    took = time.perf_counter() - started
    wanted = PassportStatus.NO_ANSWER if code == _DOWN else PassportStatus.VALID
    assert found.found.status is wanted, found.found
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
        found = store.read(
            lambda session: standing(
                session, _UP[0], question, is_complete=True, now=now()
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
