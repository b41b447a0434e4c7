"""Two economies whose processes are killed: at named points, or at any moment.

    python -m tests.issuer.link.killed_neighbours points FOLDER POINT ...
    python -m tests.issuer.link.killed_neighbours loop FOLDER CYCLES

AUS asks JPN. Each has a database of its own; JPN's server and AUS's worker are forked
here, and kill themselves where the point says. After each kill both are started again,
and what both sides hold is compared. Prints what was found, as JSON.
"""

import json
import os
import random  # noqa: TID251  # with a seed: the moments of the kills
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from examples.neighbours import Side, found, now
from issuer.commands.serving import open_app
from issuer.link import worker as asking
from issuer.link.worker import Worker
from issuer.services import routes
from issuer.store import (
    Card,
    LinkDecision,
    LinkQuestion,
    Preclearance,
    PreclearanceEvent,
)

ASKER = (
    "take_questions.before", "take_questions.commit", "take_questions.after",
    "note_questions.before", "note_questions.commit", "note_questions.after",
    "take_news.commit", "take_news.after",
    "note_told.before", "note_told.commit", "note_told.after",
    "apply_page.before", "apply_page.commit", "apply_page.after",
)  # fmt: skip
"""Where AUS's worker dies: before a step, when its transaction is about to be
committed, and after it."""
ASKED = (
    "preclearance.ask_all.before", "preclearance.ask_all.commit",
    "preclearance.ask_all.after", "card.tell.commit", "card.tell.after",
    "answers.list.after",
)  # fmt: skip
"""Where JPN's server dies: likewise, for each route."""
POINTS = (*ASKER, *ASKED)
Work = Callable[[], None]


@dataclass(slots=True)
class Pair:
    home: Side
    away: Side
    count: int = 0
    cards: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def make_work(self) -> None:
        """Ask about two more, decide about what is there, and end one card."""
        self.cards += [self._circulate() for _ in range(2)]
        for each in self.away.do("officer", "incoming.list").requests:
            self.away.do(
                "officer", "incoming.decide", preclearance=each.lane.id,
                event="approve",
            )  # fmt: skip
        if len(self.cards) > 4:
            card = self.cards.pop(0)
            self.home.do("officer", "card.cancel", card=card, why="a test")

    def _circulate(self) -> int:
        self.count += 1
        letters = "".join(chr(65 + int(digit)) for digit in f"{self.count:04}")
        person = {
            "family_name": f"Wattle {letters}", "given_name": "Jane",
            "birthdate": f"{1960 + self.count % 40}-05-17", "sex": "F",
            "nationality": "AUS",
        }  # fmt: skip
        case, card = self.home.active_card(person, f"PA{self.count:07}")
        self.home.do("officer", "application.circulate", application=case)
        return card

    def compare(self, after: str) -> None:
        """Compare both sides once nothing waits: each thing once, and the same."""
        mine, theirs = (
            side.office.store.read(_states) for side in (self.home, self.away)
        )
        asked = {key: state for key, state in mine.items() if key in theirs}
        if asked != theirs or len(mine) != len(theirs):
            self.problems.append(f"{after}: {mine} here, {theirs} there")
        doubled = self.home.office.store.read(_doubled)
        if doubled:
            self.problems.append(f"{after}: applied twice: {doubled}")


def _states(session: Session) -> dict[str, str]:
    """Return the state of each pre-clearance between the two, by reference."""
    rows = session.execute(
        select(Preclearance.state, Card.foreign_reference, Card.id)
        .join(Card, Card.id == Preclearance.card_id)
        .where(Preclearance.destination == "JPN", Preclearance.issuer == "AUS")
    ).all()
    states = {foreign or f"card-{card}": str(state) for state, foreign, card in rows}
    assert len(states) == len(rows)
    return states


def _doubled(session: Session) -> list[Any]:
    moves = (
        select(PreclearanceEvent.preclearance_id, PreclearanceEvent.event)
        .group_by(PreclearanceEvent.preclearance_id, PreclearanceEvent.event)
        .having(func.count() > 1)
    )
    refused = select(LinkDecision.reference, LinkDecision.problem).where(
        LinkDecision.outcome == "refused", LinkDecision.problem != "answer.ended"
    )
    questions = (
        select(LinkQuestion.preclearance_id)
        .group_by(LinkQuestion.preclearance_id)
        .having(func.count() > 1)
    )
    return [
        tuple(row)
        for query in (moves, refused, questions)
        for row in session.execute(query)
    ]


# Processes


def fork(work: Work) -> int:
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        except Exception:  # noqa: BLE001  # told where the test can see it
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def died(child: int) -> bool:
    """Wait for a process; tell whether it was killed."""
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    """Return a function that dies before it, when it commits, or after it."""

    def call(*given: Any, **named: Any) -> Any:
        if where == "before":
            kill()
        if where == "commit":
            event.listen(Engine, "commit", kill)
        result = function(*given, **named)
        if where == "after":
            kill()
        return result

    return call


def work_round(side: Side, point: str = "") -> Work:
    """Return AUS's worker, which makes one round, and dies at a point."""

    def work() -> None:
        side.office.store.close()  # connections do not survive a fork
        name, _, where = point.rpartition(".")
        if name:
            setattr(asking, name, deadly(getattr(asking, name), where))
        worker = Worker(office=side.office, clock=now)
        for done in worker.run():
            if done.problem:
                raise SystemExit(2)

    return work


@contextmanager
def served(side: Side, point: str = "") -> Iterator[int]:
    """Run JPN's server, which dies at a point."""

    def work() -> None:
        name, _, where = point.rpartition(".")
        for each in routes.ROUTES:
            if each.name == name:
                object.__setattr__(each, "run", deadly(each.run, where))
        app = open_app(side.folder, host="127.0.0.1", port=side.port)
        make_server(
            "127.0.0.1", side.port, app, threaded=True, request_handler=_Quiet
        ).serve_forever()

    child = fork(work)
    _wait_for(side.port, child)
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


def _wait_for(port: int, child: int) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if os.waitpid(child, os.WNOHANG)[0]:
            raise SystemExit("the server did not start")
        time.sleep(0.05)


# The runs


def at_points(pair: Pair, points: list[str]) -> dict[str, Any]:
    """Kill one side at each point, then let both go on."""
    deaths = {}
    with served(pair.away):
        for point in points:
            if point in ASKER:
                pair.make_work()
                deaths[point] = died(fork(work_round(pair.home, point)))
                settle(pair, point)
    for point in points:
        if point in ASKED:
            pair.make_work()
            with served(pair.away, point) as child:
                fork_and_wait(work_round(pair.home))
                deaths[point] = died(child)
            with served(pair.away):
                settle(pair, point)
    return {"deaths": deaths, "problems": pair.problems, "asked": pair.count}


def in_a_loop(pair: Pair, cycles: int) -> dict[str, Any]:
    """Kill both sides, each some time after it began."""
    chance = random.Random(7)  # noqa: S311
    kills = 0
    for cycle in range(cycles):
        pair.make_work()
        with served(pair.away) as server:
            child = fork(work_round(pair.home))
            time.sleep(chance.random() * 0.6)
            for each in chance.sample([child, server], k=chance.choice([1, 1, 2])):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
                    kills += 1
            os.waitpid(child, 0)
        with served(pair.away):
            settle(pair, f"cycle {cycle}")
    return {"kills": kills, "problems": pair.problems, "asked": pair.count}


def fork_and_wait(work: Work) -> None:
    os.waitpid(fork(work), 0)


def settle(pair: Pair, after: str) -> None:
    """Let both go on undisturbed until nothing waits, and compare."""
    for _ in range(2):  # what is told in the one ends what is answered in the other
        fork_and_wait(work_round(pair.home))
    pair.compare(after)


def main(arguments: list[str]) -> None:
    what, folder, *more = arguments
    home, away = found(Path(folder), ("AUS", "JPN"), {})
    home.do("officer", "link.open", destination="JPN")
    pair = Pair(home, away)
    try:
        is_loop = what == "loop"
        told = in_a_loop(pair, int(more[0])) if is_loop else at_points(pair, more)
    finally:
        home.stop()
        away.stop()
    print(json.dumps(told))  # noqa: T201  # what the test reads


if __name__ == "__main__":
    main(sys.argv[1:])
