"""Answers of another economy, over HTTP: asked, signed, fetched twice, applied once.

Two installations on this machine, one server process.  The asking economy fetches every
page twice and applies it twice, as if each first result had been lost.  Beside it: the
same number of answers as plain JSON from Flask, which the asker stores as they come,
unsigned, in one table; what one would write in an afternoon.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

import urllib3
from flask import Flask, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from bench import report
from examples.neighbours import Side, found, now
from issuer import lifecycle
from issuer.incoming import Plan, Signed, plan, sign_plans, store_signed
from issuer.lifecycle import Side as By
from issuer.link.incoming import apply_page
from issuer.link.worker import Worker
from issuer.office import Desk
from issuer.preclearances import send_all
from issuer.services.trust import trust_of
from issuer.store import (
    Account,
    Application,
    ApplicationKind,
    Card,
    LinkDecision,
    LinkPartner,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Sex,
)

MIN_RATE: Final = 200.0
"""Bar: answers a second, with every page fetched and applied twice."""
_ANSWERS: Final = 2_000
_PAGE: Final = 200


def run(*, is_quick: bool) -> None:
    """Measure, print and save."""
    count = _ANSWERS // 10 if is_quick else _ANSWERS
    with tempfile.TemporaryDirectory() as folder:
        home, away = found(Path(folder) / "both", ("AUS", "JPN"), {})
        try:
            figures = _measured(home, away, count)
        finally:
            home.stop()
            away.stop()
        figures["plain"] = _plain(Path(folder), count)
    report.print_table(
        f"{count:,} pre-clearances between two economies, SQLite, HTTP on this machine",
        ("step", "a second"),
        [(name, f"{rate:,.0f}") for name, rate in figures.items()],
    )
    rate = figures["answers applied"]
    bar = report.print_bar(
        f"at least {MIN_RATE:.0f} answers a second, retries and all",
        is_met=rate >= MIN_RATE,
        says=f"{rate:.0f}; plain JSON {figures['plain']:.0f}",
    )
    report.save("services", {"rates": figures, "bars": [bar]}, is_quick=is_quick)


def _measured(home: Side, away: Side, count: int) -> dict[str, float]:
    home.do("officer", "link.open", destination="JPN")
    desk = home.office.system_desk("AUS", now=now(), reason="a benchmark")
    _ask(desk, count)
    away.start("server")
    worker = Worker(office=home.office, clock=now)
    began = time.perf_counter()
    (asked,) = worker.run()
    asking = time.perf_counter() - began
    assert asked.asked == count, asked
    began = time.perf_counter()
    _decide(away.office.system_desk("JPN", now=now(), reason="a benchmark"))
    deciding = time.perf_counter() - began
    began = time.perf_counter()
    _take_twice(home, worker)
    taking = time.perf_counter() - began
    worker.close()
    outcomes = home.office.store.read(
        lambda session: session.scalars(select(LinkDecision.outcome)).all()
    )
    assert outcomes == ["applied"] * count, "each answer once"
    return {
        "questions taken": count / asking,
        "answers signed, a statement each": count / deciding,
        "answers applied": count / taking,
    }


def _take_twice(home: Side, worker: Worker) -> None:
    """Fetch and apply every page twice, as if each first result had been lost."""
    client = worker.client("AUS", "JPN")
    while True:
        behind = home.office.store.read(
            lambda session: session.get_one(LinkPartner, ("AUS", "JPN")).position
        )
        first, page = (
            client.answers_page("JPN", cursor=behind, limit=_PAGE) for _ in range(2)
        )
        assert first == page
        if not page:
            return
        trust = trust_of(home.office.installation)
        for again in (False, True):
            desk = home.office.system_desk("AUS", now=now(), reason="a benchmark")
            done = apply_page(desk, "JPN", behind=behind, page=page, trust=trust)
            assert (done is None) == again


def _decide(desk: Desk) -> None:
    """Approve everything, a signature for each, as officers do."""
    keys = desk.read(lambda session: session.scalars(select(Preclearance.id)).all())
    for key in keys:
        one = desk.read(partial(_planned, desk, key))
        signed = sign_plans(desk, [one])
        desk.write(partial(_stored, desk, signed))


def _planned(desk: Desk, key: int, session: Session) -> Plan:
    return plan(session, desk, key, "approve")


def _stored(desk: Desk, signed: Signed, session: Session) -> None:
    store_signed(session, desk, signed, note="")


def _ask(desk: Desk, count: int) -> None:
    """Write invented cards straight into the database, and circulate them."""

    def work(session: Session) -> None:
        accounts = session.scalars(
            select(Account.id).where(Account.economy == desk.economy)
        ).all()
        cards = [_card(session, desk, number, accounts[:2]) for number in range(count)]
        send_all(session, desk, [(card, "JPN") for card in cards], by=By.HOME)

    desk.write(work)


def _card(session: Session, desk: Desk, number: int, by: Sequence[int]) -> Card:
    today = desk.now.date()
    letters = "".join(chr(65 + int(digit)) for digit in f"{number:05}")
    person = Person(
        economy=desk.economy, family_name=f"Wattle {letters}", given_name="Jane",
        machine_family_name=f"WATTLE {letters}", machine_given_name="JANE",
        birthdate=today.replace(year=1984, day=1), sex=Sex.FEMALE,
        nationality=desk.economy, created_at=desk.now,
    )  # fmt: skip
    session.add(person)
    session.flush()
    passport = Passport(
        economy=desk.economy, person_id=person.id, issuer=desk.economy,
        number=f"PA{number:07}", issued_on=today - timedelta(days=300),
        expires_on=today + timedelta(days=2_000),
    )  # fmt: skip
    session.add(passport)
    session.flush()
    application = Application(
        economy=desk.economy, number=f"B{number:07}", kind=ApplicationKind.NEW,
        person_id=person.id, passport_id=passport.id,
        state=lifecycle.Application.CIRCULATED, entered_by=by[0], entered_at=desk.now,
        decided_by=by[1], decided_at=desk.now, changed_at=desk.now,
    )  # fmt: skip
    session.add(application)
    session.flush()
    card = Card(
        economy=desk.economy, person_id=person.id, application_id=application.id,
        approved_by=by[1], state=lifecycle.Card.ACTIVE, applied_on=today,
        expires_at=desk.now.replace(year=today.year + 5), created_at=desk.now,
        changed_at=desk.now,
    )  # fmt: skip
    session.add(card)
    session.flush()
    session.add(
        PassportLink(
            card_id=card.id,
            passport_id=passport.id,
            state=lifecycle.PassportLink.LINKED,
            linked_at=desk.now,
            changed_at=desk.now,
        )
    )
    return card


# What one would write in an afternoon


def _plain(folder: Path, count: int) -> float:
    """Fetch and store as many answers, unsigned; return how many a second."""
    answers = [
        {"id": n, "card": f"card-{n}", "answer": "approved"} for n in range(count)
    ]
    app = Flask(__name__)

    @app.get("/answers")
    def page() -> list[dict[str, Any]]:
        begin = int(request.args["after"]) + 1
        return answers[begin : begin + _PAGE]

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    store = sqlite3.connect(folder / "plain.sqlite3")
    store.execute("PRAGMA journal_mode = wal")
    store.execute("PRAGMA synchronous = FULL")
    store.execute("CREATE TABLE lane (id INTEGER PRIMARY KEY, card TEXT, state TEXT)")
    began = time.perf_counter()
    _fetch_plain(f"http://127.0.0.1:{server.server_port}/answers", store)
    took = time.perf_counter() - began
    server.shutdown()
    server.server_close()
    store.close()
    return count / took


def _fetch_plain(url: str, store: sqlite3.Connection) -> None:
    pool = urllib3.PoolManager(retries=False)
    add = "INSERT OR IGNORE INTO lane VALUES (?, ?, ?)"
    rows: list[tuple[int, str, str]] = [(-1, "", "")]
    while rows:
        last = rows[-1][0]
        for _ in range(2):  # every page twice here, too
            text = pool.request("GET", f"{url}?after={last}").data
            rows = [(e["id"], e["card"], e["answer"]) for e in json.loads(text)]
            with store:
                store.executemany(add, rows)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass
