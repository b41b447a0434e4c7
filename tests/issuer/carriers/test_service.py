"""What a carrier is told: one of three, signed, again, and when it flips."""

from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, text

import verifier
from issuer import lifecycle
from issuer.carriers import changes, everybody, service
from issuer.carriers.changes import look_again
from issuer.carriers.service import Ask, Asker, ChangesWanted, Told
from issuer.carriers.trust import lists_of
from issuer.errors import Invalid, NotFound, ServiceKeyMissing
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.office import Desk
from issuer.services.identity import file_of, renew
from issuer.store import AuditRow, Card, CarrierChange, CarrierQuestion
from tests.databases import Prepared
from tests.issuer.carriers.scene import DAY, TODAY, Scene
from tests.issuer.office.publishing import Held, minutes
from tests.simulator import NOW
from verifier import BasisAnswer

AIR = Asker(client="client:sgp-0123", audience="urn:abtc:client:sgp-0123")
OTHER = Asker(client="client:sgp-4567", audience="urn:abtc:client:sgp-4567")


def at_once() -> timedelta:
    return timedelta(0)


@pytest.fixture
def scene(prepared: Prepared) -> Scene:
    found = Scene.at(prepared)
    renew(found.office, "SGP", NOW)
    return found


def desk(scene: Scene, *, at: Any = NOW) -> Desk:
    return scene.office.system_desk("SGP", now=at, reason="asked by a carrier")


def asked(scene: Scene, held: Held, destination: str = "NZL", **more: Any) -> Ask:
    country, number = scene.passport(held)
    given = {
        "passport": {"country": country, "number": number},
        "destination": destination,
        "arrival": TODAY + DAY,
    }
    return Ask.model_validate(given | more)


def ask(scene: Scene, given: Ask, *, asker: Asker = AIR, at: Any = NOW) -> Told:
    return service.ask(desk(scene, at=at), asker, given, elapsed=at_once)


def page_of(*, cursor: str = "", limit: int = 100) -> ChangesWanted:
    return ChangesWanted(cursor=cursor, limit=limit)


def withdraw(scene: Scene, held: Held) -> None:
    """NZL takes its clearance back, and publishes that."""
    scene.publishing.answer(held, "NZL", PreclearanceState.WITHDRAWN, at=minutes(1))
    scene.publishing.publish("NZL", at=minutes(2))


def test_an_answer_is_signed_for_who_asked(scene: Scene) -> None:
    """It can be kept as evidence: bound to passport, destination, day and asker."""
    held = scene.publishing.held()
    told = ask(scene, asked(scene, held))
    assert told.answer is BasisAnswer.GIVES
    said = verifier.read_service_message(
        told.statement,
        typ=service.TYPE,
        audience=AIR.audience,
        trust=lists_of(scene.office.installation),
        now=NOW,
    )
    country, number = scene.passport(held)
    assert said.economy == "SGP"
    assert said.claims["passport"] == {"country": country, "number": number}
    assert said.claims["answer"] == "gives"
    assert said.claims["reference"] == told.reference
    assert (said.claims["destination"], said.claims["arrival"]) == ("NZL", "2030-01-16")
    with pytest.raises(verifier.ServiceMessageError):
        verifier.read_service_message(
            told.statement,
            typ=service.TYPE,
            audience=OTHER.audience,
            trust=lists_of(scene.office.installation),
            now=NOW,
        )


def test_no_answer_says_why_or_names_the_holder(scene: Scene) -> None:
    """A refusal has the members of any other answer, and nothing in them."""
    held = scene.publishing.held()
    nobody = {"country": "SGP", "number": "XX0000000"}
    told = ask(scene, asked(scene, held, passport=nobody))
    said = told.model_dump(exclude={"statement", "reference", "answered_at"})
    assert said == {
        "answer": BasisAnswer.DOES_NOT_GIVE,
        "destination": "NZL",
        "arrival": TODAY + DAY,
        "stay_until": None,
        "form": None,
        "card_last_day": None,
        "passport": None,
        "must_see": (),
        "data_as_of": told.data_as_of,
        "given_by": None,
        "previous": None,
    }


def test_what_takes_longer_than_three_seconds_is_no_answer(scene: Scene) -> None:
    """Nobody at a counter waits, and nothing is said that came too late."""
    given = asked(scene, scene.publishing.held())
    for seconds, answer in ((3, BasisAnswer.GIVES), (3.1, BasisAnswer.NO_ANSWER)):
        slow = partial(timedelta, seconds=seconds)
        told = service.ask(desk(scene), AIR, given, elapsed=slow)
        assert told.answer is answer
        assert (told.stay_until is None) == (answer is BasisAnswer.NO_ANSWER)


def test_without_a_service_key_nothing_is_answered(scene: Scene) -> None:
    """An answer that nobody could check is none; what is wrong is said."""
    file_of(scene.office.installation, "SGP").unlink()
    with pytest.raises(ServiceKeyMissing):
        ask(scene, asked(scene, scene.publishing.held()))


def test_many_at_once_each_with_its_own_result(scene: Scene) -> None:
    """A bad row has its error, and the others have answers, in their order."""
    held = scene.publishing.held()
    bad = Invalid([("arrival", "date", "is no day")])
    rows = service.ask_all(
        desk(scene),
        AIR,
        [asked(scene, held, row="1"), bad, asked(scene, held, row="3")],
    )
    assert [each.row for each in rows] == ["1", "", "3"]
    assert rows[1].error == "arrival is no day"
    assert [each.answer and each.answer.answer for each in rows] == [
        BasisAnswer.GIVES, None, BasisAnswer.GIVES,
    ]  # fmt: skip
    references = {each.answer.reference for each in rows if each.answer}
    assert len(references) == 2
    for wrong in ([], [bad] * 5_001):
        with pytest.raises(Invalid):
            service.ask_all(desk(scene), AIR, wrong)


def test_asked_again_both_answers_are_told(scene: Scene) -> None:
    """With whether anything has changed; by the reference alone."""
    held = scene.publishing.held()
    first = ask(scene, asked(scene, held))
    same = service.again(
        desk(scene, at=minutes(1)), AIR, first.reference, elapsed=at_once
    )
    assert same.previous is not None
    assert (same.answer, same.previous.changed) == (BasisAnswer.GIVES, False)
    withdraw(scene, held)
    told = service.again(
        desk(scene, at=minutes(3)), AIR, first.reference, elapsed=at_once
    )
    assert told.previous is not None
    assert (told.answer, told.previous.answer, told.previous.changed) == (
        BasisAnswer.DOES_NOT_GIVE, BasisAnswer.GIVES, True,
    )  # fmt: skip


def test_w6_a_reference_is_worth_nothing_to_another(scene: Scene) -> None:
    """Nor to its own client when its time is over; both look alike."""
    told = ask(scene, asked(scene, scene.publishing.held(), watch=True))
    later = NOW + timedelta(days=5)
    for who, at, reference in (
        (OTHER, NOW, told.reference),
        (AIR, NOW, "AAAA-BBBB-CCCC"),
        (AIR, later, told.reference),
    ):
        with pytest.raises(NotFound, match="no such question"):
            service.again(desk(scene, at=at), who, reference, elapsed=at_once)
        with pytest.raises(NotFound, match="no such question"):
            service.end_watch(desk(scene, at=at), who, reference)


def test_a_flip_is_queued_once_and_read_in_order(scene: Scene) -> None:
    """Unsolicited: the carrier learns of it without asking again; both ways."""
    held = scene.publishing.held()
    watched = ask(scene, asked(scene, held, watch=True))
    ask(scene, asked(scene, held))
    assert look_again(desk(scene, at=minutes(1))).flipped == 0
    withdraw(scene, held)
    looked = look_again(desk(scene, at=minutes(3)))
    assert (looked.watched, looked.flipped) == (1, 1)
    assert look_again(desk(scene, at=minutes(4))).flipped == 0
    page = service.changes(desk(scene, at=minutes(5)), AIR, page_of(limit=1))
    (change,) = page.changes
    assert (change.reference, change.answer) == (
        watched.reference, BasisAnswer.DOES_NOT_GIVE,
    )  # fmt: skip
    said = verifier.read_service_message(
        change.statement,
        typ=service.TYPE,
        audience=AIR.audience,
        trust=lists_of(scene.office.installation),
        now=minutes(5),
    )
    assert said.claims["answer"] == "does_not_give"
    behind = page_of(cursor=page.cursor)
    assert service.changes(desk(scene, at=minutes(5)), AIR, behind).changes == ()
    assert service.changes(desk(scene, at=minutes(5)), OTHER, page_of()).changes == ()


def test_what_everybody_was_asked_everybody_is_asked_again(scene: Scene) -> None:
    """Another economy's card is not forgotten by who passed the question on."""
    renew(scene.office, "NZL", NOW)
    held = scene.publishing.held()

    def here(at: Any = NOW) -> Desk:
        return scene.office.system_desk("NZL", now=at, reason="asked by a carrier")

    given = asked(scene, held, watch=True, everybody=True)
    nobody = {"country": "NZL", "number": "XX0000000"}
    stranger = asked(scene, held, watch=True, everybody=True, passport=nobody)
    rows = service.ask_all(here(), AIR, [given, stranger], decide=everybody.decide)
    told = [each.answer for each in rows if each.answer]
    assert [(each.answer, each.given_by) for each in told] == [
        (BasisAnswer.GIVES, "SGP"), (BasisAnswer.NO_ANSWER, None),
    ]  # fmt: skip
    looked = look_again(here(minutes(1)))
    assert (looked.watched, looked.flipped) == (2, 0)
    again = service.again(
        here(minutes(1)), AIR, told[0].reference, elapsed=at_once,
        decide=everybody.decide,
    )  # fmt: skip
    assert again.previous is not None
    assert (again.given_by, again.previous.changed) == ("SGP", False)
    withdraw(scene, held)
    # Not every economy has a register here, so "none" cannot be said.
    assert look_again(here(minutes(3))).flipped == 1
    (change,) = service.changes(here(minutes(3)), AIR, page_of()).changes
    assert (change.reference, change.answer) == (
        told[0].reference, BasisAnswer.NO_ANSWER,
    )  # fmt: skip
    assert look_again(here(minutes(4))).flipped == 0


def test_a_giver_that_is_away_has_taken_nothing_back(scene: Scene) -> None:
    """Its carrier is not told of a flip because a line was cut for a minute."""
    renew(scene.office, "NZL", NOW)
    given = asked(scene, scene.publishing.held(), watch=True, everybody=True)
    here = scene.office.system_desk("NZL", now=NOW, reason="asked by a carrier")
    service.ask(here, AIR, given, elapsed=at_once, decide=everybody.decide)

    def away(session: Any) -> None:
        session.execute(text("UPDATE hosted_economy SET is_test = 1 = 1"
                             " WHERE code = 'SGP'"))  # fmt: skip

    scene.office.store.write(away, now=NOW)
    later = scene.office.system_desk("NZL", now=minutes(1), reason="looked again")
    assert look_again(later).flipped == 0


def test_a_long_round_believes_what_is_signed_while_it_lasts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of it is of its own moment: what comes later is not of the future."""
    monkeypatch.setattr(changes, "_AT_ONCE", 1)
    held = scene.publishing.held()
    for _ in range(2):
        ask(scene, asked(scene, held, watch=True))
    withdraw(scene, held)
    moments = iter([minutes(3), minutes(5)])
    found = look_again(desk(scene, at=minutes(3)), clock=lambda: next(moments))
    assert found.flipped == 2
    query = select(CarrierQuestion.answered_at).order_by(CarrierQuestion.id)
    answered = scene.office.store.read(lambda session: session.scalars(query).all())
    assert answered == [minutes(3), minutes(5)]


def test_what_is_taken_away_here_flips_at_once(scene: Scene) -> None:
    """Before any list says it."""
    held = scene.publishing.held()
    ask(scene, asked(scene, held, watch=True))

    def lose(session: Any) -> None:
        session.get_one(Card, held.card_id).state = lifecycle.Card.LOST

    scene.office.store.write(lose, now=NOW)
    assert look_again(desk(scene, at=minutes(1))).flipped == 1


def test_an_ended_watch_tells_nothing(scene: Scene) -> None:
    """Nor does one whose day is over."""
    held = scene.publishing.held()
    told = ask(scene, asked(scene, held, watch=True))
    service.end_watch(desk(scene), AIR, told.reference)
    ask(scene, asked(scene, held, watch=True, arrival=TODAY - 3 * DAY))
    withdraw(scene, held)
    assert look_again(desk(scene, at=minutes(3))).watched == 0


def count(scene: Scene, table: type[CarrierQuestion | CarrierChange]) -> int:
    query = select(func.count()).select_from(table)
    return scene.office.store.read(lambda session: session.scalar(query)) or 0


def test_o7_what_was_asked_is_sealed_and_forgotten(scene: Scene) -> None:
    """A copy of the database shows no passport; two days after the arrival, nothing."""
    held = scene.publishing.held()
    nobody = {"country": "SGP", "number": "XX7654321"}
    ask(scene, asked(scene, held, passport=nobody, watch=True))
    ask(scene, asked(scene, held, arrival=date(2999, 1, 1)))
    query = text("SELECT * FROM carrier_question")
    rows = scene.office.store.read(lambda session: session.execute(query).all())
    assert "XX7654321" not in str(rows)
    withdrawn = scene.publishing.held(1)
    ask(scene, asked(scene, withdrawn, watch=True))
    withdraw(scene, withdrawn)
    assert look_again(desk(scene, at=minutes(3))).flipped == 1
    later = NOW + timedelta(days=4, hours=13)
    scene.publishing.publish(at=later)
    looked = look_again(desk(scene, at=later))
    assert (looked.watched, looked.forgotten) == (0, 2)
    assert look_again(desk(scene, at=later)).forgotten == 0
    assert (count(scene, CarrierQuestion), count(scene, CarrierChange)) == (1, 0)


def test_c8_the_log_counts_and_names_nobody(scene: Scene) -> None:
    """Who asked how much is on record; about whom is not."""
    held = scene.publishing.held()
    service.ask_all(desk(scene), AIR, [asked(scene, held), asked(scene, held, "JPN")])
    found = scene.office.store.read(
        lambda session: session.scalars(
            select(AuditRow).where(AuditRow.tag == "carrier:asked")
        ).one()
    )
    assert scene.passport(held)[1] not in str(vars(found))
    assert '"count": 2' in str(vars(found)).replace('":2', '": 2')
