"""What one person has stopped, no one person brings back by making another."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Forbidden, SigningError
from issuer.signing import recover
from issuer.store import AccountKind, Credential, Passport, Suspension
from tests.issuer.back_office import BackOffice
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.office.test_cards import do, refusal, states
from tests.issuer.office.test_signing import with_signer
from tests.simulator import NOW

WHY = {"why": "seen in two places"}


@pytest.fixture
def card(office: BackOffice, cards: CardBuilder) -> int:
    """A card of KOR, which issues both forms, with one credential of each."""
    number = cards.make("KOR", approved=("AUS",))
    ann = office.desk("KOR")
    do(ann, "card.issue_app", card=number, holder_key=phone())
    do(ann, "card.issue_plastic", card=number)
    return number


def stop(office: BackOffice, cards: CardBuilder, card: int, form: str) -> int:
    (row,) = [each for each in cards.credentials(card) if each.form == form]
    do(office.desk("KOR"), "credential.suspend", credential=row.id, **WHY)
    return int(row.id)


def anew(form: str) -> tuple[str, dict[str, Any]]:
    if form == "app":
        return "card.rebind", {"holder_key": phone("third")}
    return "card.replace", {"why": "damage"}


@pytest.mark.parametrize("who", ["ann", "eve"])
@pytest.mark.parametrize(
    ("form", "name", "fields"),
    [
        ("app", "card.rebind", {"holder_key": phone("another")}),
        ("physical", "card.replace", {"why": "damage"}),
        ("physical", "card.replace", {"why": "withdrawal"}),
    ],
)
def test_h2_what_is_suspended_is_not_made_anew_until_it_is_lifted(  # noqa: PLR0917
    office: BackOffice, cards: CardBuilder, card: int,
    who: str, form: str, name: str, fields: dict[str, Any],
) -> None:  # fmt: skip
    """A thief's phone that was stopped gets no other code; nor does another phone."""
    stop(office, cards, card, form)
    code = refusal(office.desk("KOR", who=who), name, card=card, **fields)
    assert code == "credential.suspended"
    assert states(cards, card, form) == ["suspended"]
    shown = do(office.desk("KOR"), "card.show", card=card)
    assert name not in {each.operation for each in shown.actions}


def test_h2_plastic_that_is_suspended_is_not_converted_by_its_officer(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make("KOR", approved=("AUS",))
    do(office.desk("KOR"), "card.issue_plastic", card=card)
    stop(office, cards, card, "physical")
    fields = {"card": card, "holder_key": phone()}
    for who in ("ann", "eve"):
        desk = office.desk("KOR", who=who)
        assert refusal(desk, "card.convert", **fields) == "credential.suspended"


@pytest.mark.parametrize("end", ["credential.revoke", "card.report_lost"])
@pytest.mark.parametrize("form", ["app", "physical"])
def test_h2_ending_what_is_suspended_and_making_another_takes_two(
    office: BackOffice, cards: CardBuilder, card: int, form: str, end: str
) -> None:
    """Whoever suspended it is refused; another person is not, and is on record."""
    stopped = stop(office, cards, card, form)
    ann, eve = office.desk("KOR"), office.desk("KOR", who="eve", reason="seen him")
    what = {"app": "phone", "physical": "plastic"}[form]
    if end == "credential.revoke":
        do(ann, end, credential=stopped, **WHY)
    else:
        do(ann, end, card=card, what=what, police_report=True)
    name, fields = (
        ("card.issue_app", {"holder_key": phone("another")})
        if form == "app"
        else ("card.issue_plastic", {})
    )
    assert refusal(ann, name, card=card, **fields) == "suspension.second_person"
    as_program = replace(eve, actor=replace(eve.actor, kind=AccountKind.PROGRAM))
    assert refusal(as_program, name, card=card, **fields) == "suspension.second_person"
    do(eve, name, card=card, **fields)
    assert states(cards, card, form) == ["revoked", "valid"]
    (row,) = do(ann, "card.show", card=card).suspensions
    assert (row.lifted_by_name, row.lift_reason) == (
        "Eve-Kor",
        "another was made: seen him",
    )
    # It is settled: her colleague's next reason to make one is a new one.
    name, fields = anew(form)
    do(ann, name, card=card, **fields)


def test_h2_another_that_could_not_be_made_leaves_the_suspension(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    stopped = stop(office, cards, card, "app")
    ann, eve = office.desk("KOR"), office.desk("KOR", who="eve")
    do(ann, "credential.revoke", credential=stopped, **WHY)
    wanted = {"card": card, "holder_key": phone("another")}
    ends_on = change_end(office, date(2031, 1, 1))  # before the card does
    assert refusal(eve, "card.issue_app", **wanted) == "profile.exp"
    change_end(office, ends_on)
    assert refusal(ann, "card.issue_app", **wanted) == "suspension.second_person"


def change_end(office: BackOffice, ends_on: date) -> date:
    def by_hand(session: Session) -> date:
        row = session.scalars(select(Passport)).one()
        before, row.expires_on = row.expires_on, ends_on
        return before

    return office.store.write(by_hand, now=NOW)


def test_h2_a_suspended_card_that_is_lost_is_continued_by_another_person(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    ann, eve = office.desk("KOR"), office.desk("KOR", who="eve")
    do(ann, "card.suspend", card=card, **WHY)
    do(ann, "card.report_lost", card=card, what="card", police_report=True)
    assert refusal(ann, "card.replace_lost", card=card) == "suspension.second_person"
    new = do(eve, "card.replace_lost", card=card).card
    do(ann, "card.issue_app", card=new, holder_key=phone("another"))


def test_h2_a_lost_card_with_a_suspended_phone_is_continued_by_another_person(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    stop(office, cards, card, "app")
    ann = office.desk("KOR")
    do(ann, "card.report_lost", card=card, what="card", police_report=True)
    assert refusal(ann, "card.replace_lost", card=card) == "suspension.second_person"


def test_one_form_that_is_suspended_leaves_the_other_alone(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    stop(office, cards, card, "app")
    do(office.desk("KOR"), "card.replace", card=card, why="damage")
    assert states(cards, card, "physical") == ["superseded", "valid"]


def test_h2_what_was_suspended_while_the_key_was_away_is_not_replaced_when_it_is_back(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    """An order that waits for its key is no way around a suspension."""
    eve = office.desk("KOR", who="eve")
    broken, _ = with_signer(office, failures=1)
    at_broken = broken.desk("KOR", who="eve")
    with pytest.raises(SigningError):
        do(at_broken, "card.rebind", card=card, holder_key=phone("another"))
    living = next(
        each
        for each in cards.credentials(card)
        if each.form == "app" and each.state == "valid"
    )
    do(office.desk("KOR"), "credential.suspend", credential=living.id, **WHY)
    recover(eve.office, NOW)
    assert states(cards, card, "app") == ["suspended", "void"]


def test_h2_the_database_takes_no_credential_beside_a_suspension(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    """Also from who goes around the use cases."""
    old = stop(office, cards, card, "app")

    def by_hand(session: Session) -> None:
        row = session.get_one(Credential, old)
        values = {
            each.key: getattr(row, each.key) for each in Credential.__table__.columns
        }
        values |= {
            "id": old + 1_000,
            "list_index": 77,
            "document_number": "KOR99999999",
        }
        session.add(Credential(**values))

    with pytest.raises(Forbidden, match="tr_credential_while_suspended"):
        office.store.write(by_hand, now=NOW)


def test_h2_nobody_lifts_their_own_by_making_another(
    office: BackOffice, cards: CardBuilder, card: int
) -> None:
    stop(office, cards, card, "app")

    def by_hand(session: Session) -> None:
        row = session.scalars(select(Suspension)).one()
        row.lifted_by, row.lifted_at, row.lift_reason = row.suspended_by, NOW, "x"

    with pytest.raises(Forbidden, match="ck_suspension_four_eyes"):
        office.store.write(by_hand, now=NOW)
