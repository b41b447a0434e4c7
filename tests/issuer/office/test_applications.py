"""Applications from the first field to the end, with every refusal on the way."""

import base64
import io
import threading
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from issuer import audit, lifecycle
from issuer.errors import (
    Forbidden,
    IllegalTransition,
    Invalid,
    IssuerError,
    NotAllowed,
    NotFound,
)
from issuer.stages import Stages
from issuer.store import (
    Application,
    AuditRow,
    Card,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    ReviewStep,
    Role,
)
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform, refused, rows
from tests.simulator import NOW


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def picture(width: int = 600, height: int = 800) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def tags(flow: Flow, subject: str) -> list[str]:
    found = flow.read(lambda session: rows(session, AuditRow, subject=subject))
    return [row.tag for row in sorted(found, key=lambda row: row.seq)]


# Entering


def test_what_was_typed_is_kept_as_it_was_typed(flow: Flow) -> None:
    fields = flow.fields(family_name="Phạm Vân", given_name="Mỹ-Linh")
    fields["names_confirmed"] = True
    entered = flow.do("application.enter", who="ann", **fields)
    person = flow.row(Person, entered.person)
    assert person.family_name == "Phạm Vân"
    assert person.machine_family_name == entered.machine_family_name == "PHAM VAN"
    assert tags(flow, f"application:{entered.application}") == ["application:entered"]


def test_a_name_that_a_table_wrote_is_compared_with_the_passport(flow: Flow) -> None:
    with refused("application.confirm_names"):
        flow.do("application.enter", **flow.fields(family_name="Müller"))


def test_every_wrong_field_is_named_at_once(flow: Flow) -> None:
    fields = flow.fields(birthdate="1984-02-30", sex="Q", nationality="ZZZ")
    fields["passport"]["expires_on"] = "2029-12-31"
    fields["passport"]["number"] = "a 1"
    with pytest.raises(Invalid) as wrong:
        flow.do("application.enter", **fields)
    assert {(path, code) for path, code, _ in wrong.value.problems} == {
        ("person.birthdate", "date.impossible"),
        ("person.sex", "sex.unknown"),
        ("person.nationality", "code.unknown"),
        ("passport.number", "passport.number"),
        ("passport.expires_on", "passport.ended"),
    }
    assert flow.read(lambda session: rows(session, Person)) == []


@pytest.mark.parametrize("field", ["state", "decided_by", "economy", "stage"])
def test_c5_nothing_can_be_slipped_in(flow: Flow, field: str) -> None:
    fields = flow.fields()
    with pytest.raises(Invalid) as wrong:
        perform(flow.desk(), "application.enter", **fields, **{field: "NZL"})
    assert [path for path, _, _ in wrong.value.problems] == [field]
    fields["person"]["machine_readable"] = "X"
    with pytest.raises(Invalid):
        flow.do("application.enter", **fields)


def test_hidden_characters_in_a_name_are_refused_at_the_field(flow: Flow) -> None:
    with pytest.raises(Invalid) as wrong:
        flow.do("application.enter", **flow.fields(family_name="Ab\u202ec"))
    assert wrong.value.problems[0][:2] == ("person.family_name", "name.hidden")


def test_somebody_who_looks_alike_is_shown_first(flow: Flow) -> None:
    first = flow.fields()
    known = flow.do("application.enter", who="ann", **first)
    again = {**first, "passport": {**first["passport"], "number": "OTHER1"}}
    with refused("application.duplicate"):
        flow.do("application.enter", **again)
    flow.do("application.enter", **again, confirm_duplicate_of=[known.person])
    people = flow.read(lambda session: rows(session, Person))
    assert len(people) == 2


def test_a_slip_of_the_pen_is_still_alike(flow: Flow) -> None:
    first = flow.fields()
    flow.do("application.enter", **first)
    other = flow.fields()
    other["person"] = {**first["person"], "birthdate": other["person"]["birthdate"]}
    flow.do("application.enter", **other)  # only the name is the same
    slip = {**flow.fields(), "person": dict(first["person"])}
    slip["person"]["family_name"] += "A"
    with refused("application.duplicate"):
        flow.do("application.enter", **slip)


def test_a_passport_is_one_persons(flow: Flow) -> None:
    first = flow.fields()
    known = flow.do("application.enter", **first)
    other = {**flow.fields(), "passport": first["passport"]}
    with refused("application.duplicate"):
        flow.do("application.enter", **other)
    with refused("passport.other_person"):
        flow.do("application.enter", **other, confirm_duplicate_of=[known.person])


def test_the_person_on_file_applies_again(flow: Flow) -> None:
    fields = flow.fields()
    known = flow.do("application.enter", who="ann", **fields)
    with refused("application.open"):
        flow.do("application.enter", **fields, person_id=known.person)
    flow.step("withdraw", known.application)
    again = flow.do("application.enter", **fields, person_id=known.person)
    assert again.person == known.person
    fields["person"]["sex"] = "X"
    flow.step("withdraw", again.application)
    with refused("application.person_differs"):
        flow.do("application.enter", **fields, person_id=known.person)


def test_a_renewal_names_its_own_persons_card(flow: Flow) -> None:
    mine, fields = flow.active(), flow.fields()
    with refused("application.renewal"):
        flow.do("application.enter", **fields, kind="renewal")
    with refused("application.renewal"):
        flow.do("application.enter", **fields, kind="renewal", renews_card=mine.card)
    with pytest.raises(NotFound):
        flow.do("application.enter", **fields, person_id=10**6)


def test_two_clerks_enter_one_person_once(flow: Flow) -> None:
    flow.enter()
    fields, outcomes = flow.fields(), []

    def clerk(who: str) -> None:
        try:
            flow.do("application.enter", who=who, **fields)
            outcomes.append("entered")
        except IssuerError as error:
            outcomes.append(getattr(error, "code", type(error).__name__))

    threads = [threading.Thread(target=clerk, args=(who,)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["application.duplicate", "entered"]
    assert len(flow.read(lambda session: rows(session, Person))) == 2


def test_the_same_request_enters_once(flow: Flow) -> None:
    fields = flow.fields()
    desk = flow.desk(request_key="k1")
    one = perform(desk, "application.enter", **fields)
    assert perform(desk, "application.enter", **fields) == one


# Correcting


def test_a_correction_is_possible_until_the_review_is_open(flow: Flow) -> None:
    case = flow.enter()
    fields = flow.fields(given_name="Zoe")
    flow.do("application.correct", application=case, **fields)
    flow.step("submit", case)
    fields["passport"]["number"] = "NEW1"
    flow.do("application.correct", application=case, **fields)
    card = flow.read(lambda session: rows(session, Card, application_id=case))[0]
    linked = flow.read(lambda s: rows(s, PassportLink, card_id=card.id))[0].passport_id
    assert flow.row(Passport, linked).number == "NEW1"
    flow.step("open", case)
    with refused("application.under_review"):
        flow.do("application.correct", application=case, **fields)
    found = flow.read(lambda session: rows(session, AuditRow))
    said = " ".join(row.fields for row in found)
    assert "person.given_name" in said
    assert "NEW1" not in said
    assert "Zoe" not in said


def test_a_correction_does_not_change_a_card_that_is_out(flow: Flow) -> None:
    fields = flow.fields()
    first = flow.do("application.enter", who="ann", **fields)
    for name in ("submit", "open", "pass_stage", "approve"):
        flow.step(name, first.application)
    again = flow.do("application.enter", **fields, person_id=first.person)
    fields["person"]["given_name"] = "Other"
    with refused("application.has_card"):
        flow.do("application.correct", application=again.application, **fields)


def test_i1_a_correction_leaves_the_passport_of_a_card_that_is_out(flow: Flow) -> None:
    fields = flow.fields()
    first = flow.do("application.enter", who="ann", **fields)
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, first.application)
    card = flow.step("approve", first.application).card
    number = fields["passport"]["number"]
    again = flow.do("application.enter", **fields, person_id=first.person)
    fields["passport"]["expires_on"] = "2038-05-05"
    with refused("passport.differs"):
        flow.do("application.correct", application=again.application, **fields)
    fields["passport"]["number"] = "STOLEN1"
    flow.do("application.correct", application=again.application, **fields)
    linked = flow.read(lambda s: rows(s, PassportLink, card_id=card))[0].passport_id
    assert flow.row(Passport, linked).number == number
    mine = flow.row(Application, again.application).passport_id
    assert flow.row(Passport, mine).number == "STOLEN1"


def test_a_correction_takes_no_passport_of_somebody_else(flow: Flow) -> None:
    theirs, fields = flow.fields(), flow.fields()
    flow.do("application.enter", **theirs)
    mine = flow.do("application.enter", **fields)
    fields["passport"] = theirs["passport"]
    with refused("passport.other_person"):
        flow.do("application.correct", application=mine.application, **fields)


# Documents


def test_a_document_comes_back_as_it_was_kept(flow: Flow) -> None:
    case = flow.enter()
    added = flow.do(
        "application.add_document",
        application=case,
        kind="portrait",
        name="../../me.png",
        content=picture(),
    )
    assert (added.name, added.media_type) == ("me.png", "image/jpeg")
    read = flow.do("application.document", document=added.document)
    assert base64.b64decode(read.content).startswith(b"\xff\xd8")
    assert tags(flow, f"application:{case}")[-2:] == [
        "application:document_added",
        "document:read",
    ]
    with pytest.raises(NotFound):
        flow.do("application.document", economy="NZL", document=added.document)


@pytest.mark.parametrize("content", [b"<html>", b"", b"%PDF-1.7\nhalf"])
def test_a_hostile_upload_is_refused_at_the_field(flow: Flow, content: bytes) -> None:
    case = flow.enter()
    with pytest.raises(Invalid) as wrong:
        flow.do(
            "application.add_document",
            application=case,
            kind="other",
            name="x.pdf",
            content=base64.b64encode(content).decode(),
        )
    assert wrong.value.problems[0][0] == "content"


def test_nothing_is_added_to_what_has_ended(flow: Flow) -> None:
    case = flow.enter()
    flow.step("withdraw", case)
    with refused("application.ended"):
        flow.do(
            "application.add_document",
            application=case, kind="other", name="x.png", content=picture(),
        )  # fmt: skip


# The life


def test_the_whole_life(flow: Flow) -> None:
    """Months pass; the term runs from the approval, the class of it from applying."""
    case = flow.enter()
    moved = flow.step("submit", case)
    card = flow.row(Card, moved.card)
    assert (card.state, card.approved_by) == (lifecycle.Card.PENDING_HOME, None)
    flow.now += timedelta(days=30)
    flow.step("open", case)
    flow.step("pass_stage", case, note="clean")
    flow.now += timedelta(days=30)
    flow.step("approve", case)
    card = flow.row(Card, moved.card)
    assert card.state == lifecycle.Card.ACTIVE
    assert card.first_issued_on == flow.now.date()
    assert card.expires_at.isoformat() == "2035-03-17T00:00:00+00:00"
    asked = flow.step("circulate", case).destinations
    assert {"USA", "CAN", "AUS"}.isdisjoint(asked)
    assert "JPN" in asked
    lanes = flow.read(lambda s: rows(s, Preclearance, card_id=card.id))
    assert {lane.destination for lane in lanes} == set(asked)
    assert {lane.state for lane in lanes} == {lifecycle.Preclearance.PENDING}
    with refused("application.waiting"):
        flow.step("close", case)
    assert flow.step("close", case, without_waiting=True).state == "closed"
    assert tags(flow, f"application:{case}") == [
        f"application:{event}"
        for event in ("entered", "submit", "open", "pass_stage", "approve",
                      "circulate", "close")
    ]  # fmt: skip
    assert tags(flow, f"card:{card.id}") == ["card:created", "card:activate"]


def test_a_card_ends_with_a_shorter_passport(flow: Flow) -> None:
    fields = flow.fields()
    fields["passport"]["expires_on"] = "2031-06-30"
    entered = flow.do("application.enter", who="ann", **fields)
    assert "2031-06-30" in entered.notices[0]
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, entered.application)
    moved = flow.step("approve", entered.application)
    card = flow.row(Card, moved.card)
    assert card.expires_at.isoformat() == "2031-07-01T00:00:00+00:00"


def test_a_passport_that_ended_during_the_review_stops_it(flow: Flow) -> None:
    fields = flow.fields()
    fields["passport"]["expires_on"] = "2030-02-01"
    case = flow.do("application.enter", who="ann", **fields).application
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, case)
    flow.now += timedelta(days=60)
    with refused("passport.ended"):
        flow.step("approve", case)


def test_a_transitional_issuer_asks_nobody(flow: Flow) -> None:
    moved = flow.circulated(economy="USA")
    assert (moved.state, moved.destinations) == ("circulated", ())
    flow.step("close", moved.application, economy="USA")


def test_i1_who_entered_does_not_decide(flow: Flow) -> None:
    case = flow.enter()
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, case)
    for event in ("approve", "refuse"):
        with refused("application.second_person"):
            flow.do(f"application.{event}", who="ann", application=case)


def test_i1_who_corrected_does_not_decide(flow: Flow) -> None:
    """What the first person typed may be all replaced: the second has typed it."""
    case = flow.enter()
    flow.do("application.correct", application=case, **flow.fields())
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, case)
    for event in ("approve", "refuse"):
        with refused("application.second_person"):
            flow.do(f"application.{event}", application=case)
    flow.step("approve", case, who="eve")


@pytest.mark.parametrize("kind", ["portrait", "signature"])
def test_i1_who_gave_the_card_its_face_does_not_decide(flow: Flow, kind: str) -> None:
    case = flow.enter()
    flow.do(
        "application.add_document", application=case, kind=kind, name="x.png",
        content=picture(),
    )  # fmt: skip
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, case)
    with refused("application.second_person"):
        flow.do("application.approve", application=case)
    flow.step("approve", case, who="eve")


@pytest.mark.parametrize("kind", ["portrait", "signature"])
def test_i1_no_card_gets_another_face_once_it_is_approved(
    flow: Flow, kind: str
) -> None:
    moved = flow.active()
    document: dict[str, Any] = {
        "application": moved.application, "name": "x.png", "content": picture()
    }  # fmt: skip
    with refused("application.decided"):
        flow.do("application.add_document", kind=kind, **document)
    flow.do("application.add_document", kind="other", **document)


def test_i1_the_database_knows_whose_hand_it_was(flow: Flow) -> None:
    case = flow.enter()
    flow.do("application.correct", application=case, **flow.fields())
    bob = flow.desk(who="bob").actor.account_id

    def change(statement: str) -> None:
        flow.write(lambda session: session.execute(text(statement)))

    moment = "'2030-01-01 00:00:00'"
    decided = f"state = 'home_approved', decided_at = {moment}, decided_by = {bob}"
    alone = f"UPDATE application SET {decided} WHERE id = {case}"  # noqa: S608
    hand = f"{flow.active().application}, {bob}, {moment}"
    late = f"INSERT INTO application_hand VALUES ({hand})"  # noqa: S608
    for statement, rule in (
        (alone, "tr_application_decided_by_own_hand"),
        (late, "tr_application_hand_late"),
        ("DELETE FROM application_hand", "tr_application_hand_kept"),
        ("UPDATE application_hand SET account_id = 1", "tr_application_hand_unchanged"),
    ):
        with pytest.raises(Forbidden, match=rule):
            change(statement)


@pytest.mark.parametrize("state", ["home_approved", "home_refused"])
def test_i1_the_database_demands_a_second_person(flow: Flow, state: str) -> None:
    """Straight SQL by somebody who entered it, or by nobody, is refused."""
    case = flow.enter()
    ann = flow.desk(who="ann").actor.account_id

    def change(assignment: str) -> None:
        statement = f"UPDATE application SET {assignment} WHERE id = {case}"  # noqa: S608
        flow.write(lambda session: session.execute(text(statement)))

    with pytest.raises(Forbidden) as alone:
        change(
            f"state = '{state}', decided_by = {ann}, decided_at = '2030-01-01 00:00:00'"
        )
    assert alone.value.rule == "ck_application_four_eyes"
    with pytest.raises(Forbidden) as nobody:
        change(f"state = '{state}'")
    assert nobody.value.rule == "ck_application_decided"


def test_a_refusal_ends_the_card_and_names_the_stage(flow: Flow) -> None:
    case = flow.enter()
    flow.step("submit", case)
    flow.step("open", case)
    moved = flow.step("refuse", case, note="a record in 2019")
    assert flow.row(Card, moved.card).state == lifecycle.Card.CANCELLED
    steps = flow.read(lambda session: rows(session, ReviewStep, application_id=case))
    assert [(step.stage, step.passed) for step in steps] == [("review", False)]
    link = flow.read(lambda session: rows(session, PassportLink, card_id=moved.card))[0]
    assert link.state == lifecycle.PassportLink.ENDED
    with pytest.raises(IllegalTransition):
        flow.step("approve", case)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_withdrawal_ends_the_card(flow: Flow, steps: int) -> None:
    case = flow.enter()
    for name in ("submit", "open", "pass_stage")[:steps]:
        flow.step(name, case)
    moved = flow.step("withdraw", case)
    assert moved.state == "applicant_withdrawn"
    if moved.card:
        assert flow.row(Card, moved.card).state == lifecycle.Card.CANCELLED


def test_a_withdrawal_lapses_what_was_asked(flow: Flow) -> None:
    moved = flow.circulated()
    flow.decide(flow.lane(moved, "JPN").id, "approve")
    flow.decide(flow.lane(moved, "NZL").id, "refuse", economy="NZL")
    flow.step("withdraw", moved.application)
    lanes = flow.read(lambda s: rows(s, Preclearance, card_id=moved.card))
    assert {lane.state for lane in lanes} == {lifecycle.Preclearance.LAPSED}
    assert flow.check(moved.card).problems == ()


def test_the_stages_are_those_of_the_configuration(flow: Flow) -> None:
    flow.configure(
        "AUS", 'home_review_stages = [{ value = ["police", "ministry"], %s }]'
    )
    case = flow.enter()
    flow.step("submit", case)
    flow.step("open", case)
    assert flow.step("pass_stage", case).stage == 1
    with refused("application.stages_left"):
        flow.step("approve", case)
    flow.step("pass_stage", case)
    with refused("application.stages_passed"):
        flow.step("pass_stage", case)
    flow.step("approve", case)
    shown = flow.do("application.show", application=case)
    assert [(each.stage, each.passed) for each in shown.stages] == [
        ("police", True),
        ("ministry", True),
    ]


def test_what_stands_behind_the_answers_is_passed_when_they_are_there(
    flow: Flow,
) -> None:
    """Nobody passes the answers by hand, and none is needed for home approval."""
    flow.configure(
        "AUS",
        'home_review_stages = [{ value = ["ministry", "destination_answers", "final"],'
        " %s }]",
    )
    case = flow.enter()
    for name in ("submit", "open"):
        flow.step(name, case)
    shown = flow.do("application.show", application=case)
    assert [each.stage for each in shown.stages] == ["ministry", "final"]
    flow.step("pass_stage", case)
    with refused("application.stages_passed"):
        flow.step("pass_stage", case)
    moved = flow.step("approve", case)
    with pytest.raises(IllegalTransition):
        flow.step("pass_stage", case)
    destinations = flow.step("circulate", case).destinations
    line = flow.do("application.list", state="circulated").applications[0]
    assert line.next_stage == "final"
    with refused("application.waiting"):
        flow.step("pass_stage", case)
    with refused("application.waiting"):
        flow.step("close", case)
    with refused("application.stages_left"):
        flow.step("close", case, without_waiting=True)
    shown = flow.do("application.show", application=case)
    blocked = {each.operation: each.blocked for each in shown.actions}
    assert blocked["application.close"] == "a stage is left to pass"
    assert blocked["application.pass_stage"] is None
    settle(flow, moved.card)
    assert len(destinations) > 1
    flow.step("pass_stage", case, note="seen")
    with refused("application.stages_passed"):
        flow.step("pass_stage", case)
    assert flow.step("close", case).state == "closed"
    shown = flow.do("application.show", application=case)
    assert [(each.stage, each.passed) for each in shown.stages] == [
        ("ministry", True),
        ("final", True),
    ]


def settle(flow: Flow, card: int | None) -> None:
    """Have every destination answer."""

    def work(session: Session) -> None:
        for lane in rows(session, Preclearance, card_id=card):
            lane.state = lifecycle.Preclearance.APPROVED

    flow.write(work)


def test_a_last_look_may_go_on_without_those_who_never_answer(flow: Flow) -> None:
    """And a card that has ended needs none."""
    flow.configure(
        "AUS",
        'home_review_stages = [{ value = ["ministry", "destination_answers", "final"],'
        " %s }]",
    )
    first, second = flow.circulated(), flow.circulated()
    flow.step("pass_stage", first.application, without_waiting=True)
    flow.step("close", first.application, without_waiting=True)
    flow.do("card.cancel", card=second.card, why="the last look")
    assert flow.step("close", second.application).state == "closed"


def test_koreas_stages_stand_as_its_intake_tells_them(flow: Flow) -> None:
    """Association, ministry, then the answers, then the ministry once more (KITA)."""
    found = Stages.of(flow.office.office.packaged_scheme, "KOR", NOW)
    assert found.before == ("association_recommendation", "ministry_review")
    assert found.after == ("ministry_final_check",)


# Showing


def test_a_case_shows_everything_and_what_can_be_done(flow: Flow) -> None:
    moved = flow.circulated()
    flow.now += timedelta(days=10)
    flow.decide(flow.lane(moved, "JPN").id, "approve", note="known to us")
    flow.now += timedelta(days=10)
    case = flow.do("application.show", application=moved.application)
    lanes = {lane.destination: lane for lane in case.lanes}
    assert lanes["JPN"].lane.state == "approved"
    assert lanes["JPN"].lane.median_days == 10
    assert lanes["NZL"].lane.age_days == 20
    assert (lanes["USA"].lane, lanes["USA"].effect) == (None, "lane_only")
    assert [action.operation for action in case.actions] == [
        "application.close",
        "application.withdraw",
    ]
    assert all(action.consequence.endswith(".") for action in case.actions)
    happened = [each.what for each in case.timeline]
    assert happened[-1] == "JPN:approve"
    assert "known to us" not in case.model_dump_json()
    assert tags(flow, f"application:{moved.application}")[-1] == "application:read"


def test_actions_are_those_of_the_actor(flow: Flow) -> None:
    case = flow.enter()
    flow.step("submit", case)
    flow.step("open", case)
    ann = flow.do("application.show", who="ann", application=case)
    blocked = {each.operation: each.blocked for each in ann.actions}
    assert "another person" in (blocked["application.approve"] or "")
    clerk = perform(
        flow.desk(roles={Role.INTAKE}), "application.show", application=case
    )
    assert [each.operation for each in clerk.actions] == ["application.withdraw"]
    with pytest.raises(NotAllowed):
        perform(flow.desk(roles={Role.AUDIT}), "application.show", application=case)


def test_c4_another_economy_sees_nothing(flow: Flow) -> None:
    case = flow.enter()
    with pytest.raises(NotFound):
        flow.do("application.show", economy="NZL", application=case)
    listed = flow.do("application.list", economy="NZL")
    assert listed.applications == ()


def test_a_list_is_paged_and_found_in(flow: Flow) -> None:
    cases = []
    for _ in range(5):
        cases.append(flow.enter())
        flow.now += timedelta(days=1)
    page = flow.do("application.list", limit=2)
    seen = [each.id for each in page.applications]
    while page.after:
        page = flow.do("application.list", limit=2, after=page.after)
        seen += [each.id for each in page.applications]
    assert seen == cases
    assert page.applications[-1].age_days == 1
    row = flow.row(Application, cases[2])
    person, passport = (
        flow.row(Person, row.person_id),
        flow.row(Passport, row.passport_id),
    )
    for search in (row.number, passport.number, person.machine_family_name[:5].lower()):
        hits = flow.do("application.list", search=search).applications
        assert cases[2] in [each.id for each in hits]
    assert flow.do("application.list", search="%").applications == ()
    flow.step("submit", cases[0])
    submitted = flow.do("application.list", state="submitted").applications
    assert [each.id for each in submitted] == [cases[0]]


def test_i6_reading_a_list_is_logged_with_what_it_showed(flow: Flow) -> None:
    case = flow.enter()
    flow.do("application.list")
    row = flow.read(lambda session: rows(session, AuditRow, tag="queue:read"))[-1]
    assert f'"records":[{case}]' in row.fields


def test_the_log_holds_after_all_of_it(flow: Flow) -> None:
    flow.circulated()
    for economy in ("AUS", "JPN"):
        assert all(
            isinstance(each, int)
            for each in flow.read(lambda s, e=economy: list(audit.verify(s, e)))
        )
