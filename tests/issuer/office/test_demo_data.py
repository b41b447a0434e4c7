"""Demonstration data: invented, but as sound as what staff enter."""

from itertools import groupby

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import verifier
from issuer import audit
from issuer.demo.filling import Progress, fill
from issuer.errors import Conflict
from issuer.lifecycle import PRECLEARANCE, Preclearance, Side
from issuer.store import (
    Account,
    Application,
    Card,
    Credential,
    Issue,
    Person,
    PreclearanceEvent,
    StatusList,
)
from issuer.store import Preclearance as PreclearanceRow
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW

WANTED = {"AUS": 30, "USA": 5}


@pytest.fixture
def filled(back_office: BackOffice) -> BackOffice:
    list(fill(back_office.office, WANTED, seed=1, now=NOW))
    return back_office


def count(back_office: BackOffice, table: type, *where: object) -> int:
    query = select(func.count()).select_from(table)
    for each in where:
        query = query.where(each)  # type: ignore[arg-type]  # columns' conditions
    return int(back_office.store.read(lambda s: s.scalar(query)) or 0)


def test_as_many_travellers_as_asked_and_no_more_next_time(filled: BackOffice) -> None:
    assert count(filled, Person, Person.economy == "AUS") == 30
    assert list(fill(filled.office, WANTED, seed=1, now=NOW)) == []
    more = list(fill(filled.office, {"AUS": 32}, seed=1, now=NOW))
    assert more == [Progress(economy="AUS", done=32, of=32)]
    assert count(filled, Person) == 37


def test_what_was_interrupted_goes_on(back_office: BackOffice) -> None:
    next(iter(fill(back_office.office, {"AUS": 501}, seed=1, now=NOW)))
    assert count(back_office, Person) == 500
    list(fill(back_office.office, {"AUS": 501}, seed=1, now=NOW))
    assert count(back_office, Person) == 501
    used = back_office.store.read(lambda s: s.scalars(select(StatusList.used)).one())
    assert used == count(back_office, Credential)


def test_events_lead_to_the_states_that_are_there(filled: BackOffice) -> None:
    def walk(session: Session) -> None:
        query = select(PreclearanceEvent).order_by(
            PreclearanceEvent.preclearance_id, PreclearanceEvent.seq
        )
        events = session.scalars(query)
        for number, steps in groupby(events, key=lambda e: e.preclearance_id):
            state = Preclearance.NOT_SENT
            for step in steps:
                sides = [
                    side
                    for side in Side
                    if step.event in PRECLEARANCE.allowed(state, by=side)
                ]
                state = PRECLEARANCE.after(state, step.event, by=sides[0])
                assert (step.before != state, step.after) == (True, state)
            assert session.get_one(PreclearanceRow, number).state == state

    filled.store.read(walk)
    assert count(filled, PreclearanceRow, PreclearanceRow.issuer == "USA") == 0


def test_every_card_that_lives_is_signed_and_can_be_packed(filled: BackOffice) -> None:
    def look(session: Session) -> None:
        for issue in session.scalars(select(Issue)):
            assert issue.text is not None
            assert verifier.unpack(verifier.pack(issue.text)) == issue.text

    filled.store.read(look)
    assert count(filled, Issue) == count(filled, Credential) > 20
    assert count(filled, Application) == 35
    assert count(filled, Card) < 35


def test_the_log_is_whole_and_identities_go_on(filled: BackOffice) -> None:
    *_, end = filled.store.read(lambda s: list(audit.verify(s, "AUS")))
    assert end == 1

    def another(session: Session) -> int:
        person = session.scalars(select(Person).limit(1)).one()
        session.expunge(person)
        copy = Person(
            **{
                column.key: getattr(person, column.key)
                for column in Person.__table__.columns
                if column.key != "id"
            }
        )
        session.add(copy)
        session.flush()
        return copy.id

    assert filled.store.write(another, now=NOW) == 36


def test_one_person_alone_cannot_have_approved(back_office: BackOffice) -> None:
    def close_all_but_one(session: Session) -> None:
        for login in ("bob-aus", "eve-aus"):
            query = select(Account).where(Account.login == login)
            session.scalars(query).one().closed_at = NOW

    back_office.store.write(close_all_but_one, now=NOW)
    with pytest.raises(Conflict, match=r"demo\.people"):
        list(fill(back_office.office, {"AUS": 1}, seed=1, now=NOW))
