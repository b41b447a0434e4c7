"""``abtc-issuer link run``: the worker that asks destinations hosted elsewhere."""

import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click

from issuer.commands.opening import (
    Progress,
    as_json,
    at_home,
    economies,
    now,
    open_office,
)
from issuer.link.worker import Round, Worker

_FAILED = 1


@click.group("link")
def group() -> None:
    """Links to economies whose back office is elsewhere."""


@group.command("run")
@at_home
@economies
@click.option("--once", is_flag=True, help="Make one round, and end.")
@click.option(
    "--every",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    help="Seconds between two rounds, if nothing is asked or told meanwhile.",
)
@as_json
def run(
    folder: Path, economies: tuple[str, ...], once: bool, every: int, as_json: bool
) -> int | None:
    """Send questions and news to destinations elsewhere, and take their answers.

    What comes up here goes out within seconds; answers are fetched with each round.

    Ends when interrupted, after the message that is on its way.  Whatever it is stopped
    at, the next run goes on there.  With --once the exit status is 1 where a
    destination could not be asked; without it, --json prints an object for each round,
    and one that could not be asked is left alone, longer each time, up to half an hour.
    """
    office = open_office(folder)
    progress = Progress("messages")
    stop = threading.Event()
    worker = Worker(
        office=office, clock=now, say=_counting(progress), is_stopped=stop.is_set
    )
    try:
        with _stopped_by_signals(stop):
            if once:
                rounds = list(worker.run(economies))
                progress.end()
                _print_all(rounds, as_json=as_json)
                return _FAILED if any(each.problem for each in rounds) else None
            while not stop.is_set():
                for done in worker.run(economies, only_due=True):
                    progress.end()
                    _print(done, as_json=as_json)
                _wait(worker, stop, economies, every)
    finally:
        worker.close()
        office.store.close()
    return None


def _wait(
    worker: Worker, stop: threading.Event, economies: tuple[str, ...], every: int
) -> None:
    """Wait for the next round, for something to be told, or for the end."""
    for _ in range(every):
        if stop.wait(1) or worker.has_news(economies):
            return


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    ends = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, end) for each in ends]
    try:
        yield
    finally:
        for each, handler in zip(ends, before, strict=True):
            signal.signal(each, handler)


def _counting(progress: Progress) -> Callable[[str, int], None]:
    total = 0

    def say(_what: str, count: int) -> None:
        nonlocal total
        total += count
        progress(total)

    return say


def _print_all(rounds: Sequence[Round], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"rounds": [asdict(each) for each in rounds]}))
        return
    for each in rounds:
        click.echo(_line(each))
    if not rounds:
        click.echo("there is no link: `abtc-issuer link open` makes one")


def _print(done: Round, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(done)))
    elif _counts(done) or done.problem:
        click.echo(_line(done))


def _line(done: Round) -> str:
    problem = f"; {done.problem}: {done.detail}" if done.problem else ""
    said = _counts(done) or "nothing new"
    return f"{done.economy} to {done.destination}: {said}{problem}"


def _counts(done: Round) -> str:
    counts = {
        "asked": done.asked, "told": done.told, "not taken": done.not_taken,
        "applied": done.applied, "known": done.known, "refused": done.refused,
    }  # fmt: skip
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
