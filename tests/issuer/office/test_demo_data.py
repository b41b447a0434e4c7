"""Demonstration data: invented, but as sound as what staff enter."""

from collections import Counter
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import verifier
from issuer import audit
from issuer.demo import filling
from issuer.demo.filling import Progress, fill
from issuer.errors import Conflict, SigningError
from issuer.keys import KeyUse
from issuer.lifecycle import PRECLEARANCE, Preclearance, Side
from issuer.plastic import prepare_portrait, prepare_signature
from issuer.preclearances import CARRIED, check_card, lanes_of
from issuer.store import (
    Account,
    Application,
    Card,
    Content,
    Credential,
    Document,
    DocumentKind,
    Issue,
    Person,
    Plastic,
    PlasticState,
    PreclearanceEvent,
    Statement,
    StatusList,
    Store,
    WatchHit,
)
from issuer.store import Preclearance as PreclearanceRow
from tests.databases import Prepared, planned_rows
from tests.issuer.back_office import HOSTED, BackOffice, fill_office, office_on
from tests.issuer.office.flow import Flow, perform
from tests.simulator import NOW

WANTED = {"AUS": 30, "USA": 5}


@pytest.fixture
def filled(prepared: Prepared) -> BackOffice:
    def make(store: Store, folder: Path) -> None:
        fill_office(store, folder, hosted=HOSTED)
        list(fill(office_on(store, folder).office, WANTED, seed=1, now=NOW))

    prepared.fill("demonstration data", make)
    return office_on(prepared.store, prepared.folder)


def count(back_office: BackOffice, table: type, *where: object) -> int:
    query = select(func.count()).select_from(table)
    for each in where:
        query = query.where(each)  # type: ignore[arg-type]  # columns' conditions
    return int(back_office.store.read(lambda s: s.scalar(query)) or 0)


def test_as_many_travellers_as_asked_and_no_more_next_time(filled: BackOffice) -> None:
    assert count(filled, Person, Person.economy == "AUS") == 30
    assert planned_rows(filled.store, "person") == 35
    assert list(fill(filled.office, WANTED, seed=1, now=NOW)) == []
    more = list(fill(filled.office, {"AUS": 32}, seed=1, now=NOW))
    assert more == [Progress(economy="AUS", done=32, of=32)]
    assert count(filled, Person) == 37


def test_what_was_interrupted_goes_on(
    back_office: BackOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"AUS": 45}
    monkeypatch.setattr(filling, "PORTION", 20)
    next(iter(fill(back_office.office, wanted, seed=1, now=NOW)))
    assert count(back_office, Person) == 20
    assert [
        each.done for each in fill(back_office.office, wanted, seed=1, now=NOW)
    ] == [
        40,
        45,
    ]
    assert count(back_office, Person) == 45
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
                assert step.before == state
                if step.event != CARRIED:
                    sides = [
                        side
                        for side in Side
                        if step.event in PRECLEARANCE.allowed(state, by=side)
                    ]
                    wanted = PRECLEARANCE.after(state, step.event, by=sides[0])
                    assert step.after == wanted
                state = step.after
            assert session.get_one(PreclearanceRow, number).state == state

    filled.store.read(walk)
    assert count(filled, PreclearanceRow, PreclearanceRow.issuer == "USA") == 0


def test_every_card_that_lives_is_signed_and_can_be_packed(filled: BackOffice) -> None:
    def look(session: Session) -> None:
        for issue in session.scalars(select(Issue)):
            assert issue.text is not None
            assert verifier.unpack(verifier.pack(issue.text)) == issue.text

    filled.store.read(look)
    ended = count(filled, Credential, Credential.state == "expired")
    assert count(filled, Issue) + ended == count(filled, Credential) > 20
    assert count(filled, Application) == 35
    drafts = count(filled, Application, Application.state == "draft")
    again = count(filled, Card, Card.continues_id.is_not(None))
    assert count(filled, Card) == 35 - drafts + again


def test_the_log_is_whole_and_identities_go_on(filled: BackOffice) -> None:
    *_, end = filled.store.read(lambda s: list(audit.verify(s, "AUS")))
    assert end == 2  # the portion, and a change that waits for a second person

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


def test_every_decision_is_in_what_its_destination_signed(filled: BackOffice) -> None:
    def look(session: Session) -> int:
        scheme = filled.office.scheme(session)
        checked = [
            check_card(session, scheme, card, lanes_of(session, card.id))
            for card in session.scalars(select(Card))
        ]
        assert [each.problems for each in checked if each.problems] == []
        return sum(each.events for each in checked)

    assert filled.store.read(look) > 500
    assert 0 < count(filled, Statement) < 300


def test_every_queue_has_something_to_show(back_office: BackOffice) -> None:
    wanted = {"JPN": 110, "AUS": 110, "USA": 60}
    list(fill(back_office.office, wanted, seed=3, now=NOW))
    shown = perform(back_office.desk("JPN"), "queue.counts")
    for queue in ("drafts", "submitted", "home_review", "to_circulate", "incoming",
                  "incoming_unscreened", "bulk_to_release"):  # fmt: skip
        assert getattr(shown, queue), queue
    assert len(shown.home_review) > 1
    states = {state for state in PlasticState if _plastic(back_office, state)}
    assert states >= {PlasticState.TO_PRINT, PlasticState.HANDED_OVER}
    lost = count(back_office, Credential, Credential.replaces_id.is_not(None))
    assert lost
    assert count(back_office, Card, Card.continues_id.is_not(None))
    reminded = count(
        back_office, PreclearanceRow, PreclearanceRow.reminded_at.is_not(None)
    )
    assert reminded
    assert count(back_office, WatchHit) >= 1


def _plastic(back_office: BackOffice, state: PlasticState) -> int:
    return count(back_office, Plastic, Plastic.state == state)


def test_who_is_invented_can_go_on(filled: BackOffice) -> None:
    """What waits can be worked on, as what staff have entered can."""
    first, second = filled.desk("AUS", who="ann"), filled.desk("AUS", who="bob")

    def waiting(state: str) -> int:
        query = select(Application.id).where(Application.state == state)
        return filled.store.read(lambda s: s.scalars(query.limit(1)).one())

    list(fill(filled.office, {"AUS": 150}, seed=1, now=NOW))
    perform(first, "application.submit", application=waiting("draft"))
    case = waiting("home_review")
    while perform(second, "application.show", application=case).stages[-1].by is None:
        perform(second, "application.pass_stage", application=case)
    perform(second, "application.approve", application=case)
    asked = perform(
        second, "application.circulate", application=waiting("home_approved")
    )
    assert asked.destinations


def test_portraits_are_drawn_and_can_be_printed(filled: BackOffice) -> None:
    kinds = filled.store.read(
        lambda s: s.execute(
            select(Document.kind, Content.data).join(
                Content, Content.sha256 == Document.sha256
            )
        ).all()
    )
    assert len(kinds) == 2 * 35
    assert len({data for _, data in kinds}) > 20
    for kind, data in kinds[:8]:
        if kind == DocumentKind.PORTRAIT:
            assert prepare_portrait(data) == data
        else:
            prepare_signature(data)


def test_nothing_is_signed_while_the_database_is_locked(
    back_office: BackOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer is let in while the signer works, and the portion is done anew,
    as is the one that was planned behind it.
    """
    monkeypatch.setattr(filling, "PORTION", 12)
    signers = back_office.office.signers
    written: list[KeyUse] = []
    asked: Counter[tuple[str, KeyUse]] = Counter()

    class Slow:
        def signer(self, economy: str, use: KeyUse, *, now: datetime) -> Any:
            asked[economy, use] += 1
            # Once to see who can sign at all, then to sign.
            if asked[economy, use] == 2 and not written:
                written.append(use)
                flow = Flow(back_office)
                flow.enter(economy="AUS")
            return signers.signer(economy, use, now=now)

        def held(self, economy: str) -> Any:
            raise NotImplementedError

    back_office.office.signers = Slow()
    list(fill(back_office.office, {"AUS": 30}, seed=1, now=NOW))
    assert written
    assert count(back_office, Person) == 31
    used = back_office.store.read(lambda s: s.scalars(select(StatusList.used)).one())
    assert used == count(back_office, Credential)


def test_who_cannot_sign_has_not_answered(back_office: BackOffice) -> None:
    signers = back_office.office.signers

    class Few:
        def signer(self, economy: str, use: KeyUse, *, now: datetime) -> Any:
            if economy == "JPN":
                raise SigningError("no key")
            return signers.signer(economy, use, now=now)

        def held(self, economy: str) -> Any:
            raise NotImplementedError

    back_office.office.signers = Few()
    list(fill(back_office.office, {"AUS": 30}, seed=1, now=NOW))
    said = count(
        back_office,
        PreclearanceRow,
        PreclearanceRow.destination == "JPN",
        PreclearanceRow.answered_at.is_not(None),
    )
    assert said == 0
    assert count(back_office, Statement, Statement.economy == "NZL")


def test_one_person_alone_cannot_have_approved(back_office: BackOffice) -> None:
    def close_all_but_one(session: Session) -> None:
        for login in ("bob-aus", "eve-aus"):
            query = select(Account).where(Account.login == login)
            session.scalars(query).one().closed_at = NOW

    back_office.store.write(close_all_but_one, now=NOW)
    with pytest.raises(Conflict, match=r"demo\.people"):
        list(fill(back_office.office, {"AUS": 1}, seed=1, now=NOW))
