"""Processes of a back office that are killed: at named points, or at any moment.

    python -m tests.issuer.office.killed_office points DATABASE FOLDER
    python -m tests.issuer.office.killed_office loop DATABASE FOLDER CYCLES
    python -m tests.issuer.office.killed_office pair DATABASE FOLDER EACH

It prepares the cards that it needs in an office that is there, forks, and prints what
the processes had told before they died, as JSON.
"""

import json
import os
import random  # noqa: TID251  # with a seed: the moments of the kills
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from issuer.installation import Installation
from issuer.intents import Order
from issuer.jws import public_key_from_jwk
from issuer.office import Office
from issuer.operations import all_operations
from issuer.scheme import Scheme
from issuer.signing import issue_many
from issuer.store import Store
from tests.issuer.back_office import BackOffice, FileKeys
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.office.failpoints import POINTS, armed
from tests.simulator import NOW

_BUSY = 20
"""Cards that a process of the loop issues, at most."""


def open_again(url: str, folder: Path) -> BackOffice:
    """Open an office that is there, with its keys."""
    scheme = Scheme.load()
    return BackOffice(
        office=Office(
            installation=Installation(folder=folder),
            store=Store.open(url),
            signers=FileKeys(folder=folder / "keys", scheme=scheme),
            packaged_scheme=scheme,
        )
    )


def rebind(office: BackOffice, card: int, who: str = "ann") -> Any:
    """Move a card to another phone, under one request key."""
    return all_operations()["card.rebind"].perform(
        office.desk("KOR", who=who, request_key=f"rebind-{card}"),
        {"card": card, "holder_key": phone(f"new-{card}")},
    )


def issue_app(office: BackOffice, card: int) -> Any:
    return all_operations()["card.issue_app"].perform(
        office.desk("KOR", request_key=f"issue-{card}"),
        {"card": card, "holder_key": phone(f"first-{card}")},
    )


def run(office: Callable[[], BackOffice], work: Callable[[BackOffice], None]) -> int:
    """Do something in a process of its own, and return that process."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work(office())
            status = 0
        except Exception:  # noqa: BLE001  # told where the test can see it
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def killed(_: Connection | None = None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_points(office: Callable[[], BackOffice], cards: list[int]) -> dict[str, Any]:
    """Kill a process at each point, while it moves a card to another phone."""
    deaths = {}
    for point, card in zip(POINTS, cards, strict=True):

        def work(opened: BackOffice, at: str = point, number: int = card) -> None:
            with armed(opened, at, killed) as deadly:
                rebind(deadly, number)

        _, status = os.waitpid(run(office, work), 0)
        deaths[point] = os.WIFSIGNALED(status) and os.WTERMSIG(status)
    return {"cards": dict(zip(POINTS, cards, strict=True)), "deaths": deaths}


def in_a_loop(office: Callable[[], BackOffice], cards: list[int]) -> dict[str, Any]:
    """Kill a process that issues card after card, some time after it began."""
    chance = random.Random(4)  # noqa: S311
    told: dict[int, str] = {}
    cycles = [cards[i : i + _BUSY] for i in range(0, len(cards), _BUSY)]
    for portion in cycles:
        reader, writer = os.pipe()

        def work(
            opened: BackOffice, mine: list[int] = portion, out: int = writer
        ) -> None:
            os.write(out, b"ready\n")
            for card in mine:
                line = json.dumps([card, issue_app(opened, card).text])
                os.write(out, line.encode() + b"\n")

        child = run(office, work)
        os.close(writer)
        with os.fdopen(reader) as lines:
            lines.readline()
            time.sleep(chance.uniform(0.0, 0.25))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            for line in lines:
                if line.endswith("\n"):
                    card, text = json.loads(line)
                    told[card] = text
    return {"told": told, "cycles": len(cycles)}


def in_pairs(office: Callable[[], BackOffice], cards: list[int]) -> dict[str, Any]:
    """Let two processes issue half of the cards each, at the same time."""

    def worker(mine: list[int]) -> Callable[[BackOffice], None]:
        def work(opened: BackOffice) -> None:
            desk = opened.office.system_desk("KOR", now=NOW, reason="a test")
            key = public_key_from_jwk(phone())
            orders = [
                (f"k{card}", Order(card_id=card, form="app", holder_key=key))
                for card in mine
            ]
            for start in range(0, len(orders), 50):
                issue_many(desk, orders[start : start + 50])

        return work

    children = [run(office, worker(cards[half::2])) for half in (0, 1)]
    return {"statuses": [os.waitpid(child, 0)[1] for child in children]}


def main(act: str, url: str, folder: Path, size: int) -> None:
    def office() -> BackOffice:
        return open_again(url, folder)

    opened = office()
    builder = CardBuilder(office=opened, first=10_000)
    acts = {"points": at_points, "loop": in_a_loop, "pair": in_pairs}
    wanted = {"points": len(POINTS), "loop": size * _BUSY, "pair": 2 * size}[act]
    cards: list[int] = []
    while len(cards) < wanted:
        cards += builder.make_many(min(500, wanted - len(cards)))
    if act == "points":
        for card in cards:
            issue_app(opened, card)
    opened.store.close()  # what follows forks
    print(json.dumps({"all": cards, **acts[act](office, cards)}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int((*sys.argv, "0")[4]))
