"""After applying: what an applicant sees, may ask for, and may never do."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import Moved
from issuer.store import (
    Applicant,
    ApplicationKind,
    Card,
    Credential,
    HolderRequest,
    Mail,
    OnlineApplication,
    OnlineState,
    RequestState,
)
from tests.components import needs
from tests.issuer.back_office import SCHEME
from tests.issuer.office.card_builder import phone
from tests.issuer.office.flow import Flow, refused
from tests.issuer.portal.applicant import Browser as Visitor
from tests.issuer.portal.applicant import Portal
from tests.issuer.portal.place import PHONE, is_within, portal_place, sign_in
from tests.issuer.web.chromium import Place

ANN, BEN = "ann@example.com", "ben@example.com"
PASSPORT = {
    "country": "aus",
    "number": "PX7654321",
    "issued_on": "2030-01-01",
    "expires_on": "2039-01-01",
}
YES = {"confirm": "yes"}


def link(portal: Portal, case: Moved, email: str = ANN) -> None:
    """Say that this applicant has handed this application in online."""

    def work(session: Session) -> None:
        who = session.scalars(
            select(Applicant).where(Applicant.email == email)
        ).one_or_none()
        if who is None:
            who = Applicant(economy="AUS", email=email, created_at=portal.clock.now)
            session.add(who)
            session.flush()
        session.add(
            OnlineApplication(
                economy="AUS",
                applicant_id=who.id,
                reference=f"R{case.application}",
                state=OnlineState.SUBMITTED,
                kind=ApplicationKind.NEW,
                created_at=portal.clock.now,
                changed_at=portal.clock.now,
                submitted_at=portal.clock.now,
                application_id=case.application,
            )
        )

    portal.back.store.write(work, now=portal.clock.now)


def holder(portal: Portal) -> tuple[Flow, Moved, Visitor]:
    """Ann has a card that every economy was asked about, and is signed in."""
    flow = Flow(portal.back)
    case = flow.circulated()
    link(portal, case)
    return flow, case, portal.browser().sign_in(ANN)


def place_of(case: Moved, rest: str = "") -> str:
    return f"/apply/AUS/track/{case.card}{rest}"


def rows(portal: Portal) -> list[HolderRequest]:
    query = select(HolderRequest).order_by(HolderRequest.id)
    return list(portal.back.store.read(lambda session: session.scalars(query).all()))


def state_of(portal: Portal, case: Moved) -> lifecycle.Card:
    return portal.back.store.read(
        lambda session: session.get_one(Card, case.card).state
    )


# What is shown


def test_an_applicant_follows_every_destination(small: Portal) -> None:
    """Asked, cleared, and what has been measured; unknown where it is unknown."""
    flow, case, visitor = holder(small)
    flow.decide(flow.lane(case, "JPN").id, "approve")
    visitor.get("/apply/AUS/track")
    asked = len(SCHEME.destinations("AUS", "AUS", flow.now))
    assert f"1 of {asked} economies have cleared it" in visitor.page
    visitor.get(place_of(case))
    assert "Cleared: Japan" in visitor.page
    assert ", today." in visitor.page
    assert "0 days ago" not in visitor.page
    first = re.findall("<h3>(.*?)</h3>", visitor.page)[0]
    assert first == "Japan", "answers stand before what waits"
    assert "too few answers were measured" in visitor.page
    assert "No answer shown" in visitor.page


def test_a_measured_time_is_told_with_its_spread(small: Portal) -> None:
    flow, case, visitor = holder(small)
    for days in range(1, 11):
        other = flow.circulated()
        flow.now += timedelta(days=days)
        flow.decide(flow.lane(other, "JPN").id, "approve")
    small.clock.now = flow.now
    visitor = small.browser().sign_in(ANN)
    visitor.get(place_of(case))
    assert "half of its answers came within 6 days, nine in ten within 9" in (
        visitor.page
    )


def test_c8_where_refusals_are_not_disclosed_nothing_tells_them_from_waiting(
    small: Portal,
) -> None:
    """Not the state, not a moment, not the preview of a new passport."""
    flow, case, visitor = holder(small)
    pages = (place_of(case), place_of(case, "/renewal"), "/apply/AUS/track")

    def seen() -> list[str]:
        found = []
        for path in pages:
            visitor.get(path)
            found.append(visitor.page.replace(visitor.token, ""))
        visitor.post(
            place_of(case, "/passport"), PASSPORT, page=place_of(case, "/passport")
        )
        return [*found, visitor.page.replace(visitor.token, "")]

    before = seen()
    flow.decide(flow.lane(case, "JPN").id, "refuse")
    assert seen() == before


def test_where_refusals_are_disclosed_they_are_told_with_what_they_do_not_say(
    small: Portal,
) -> None:
    flow, case, visitor = holder(small)
    flow.configure("JPN", "disclose_refusal = [{ value = true, %s }]")
    flow.decide(flow.lane(case, "JPN").id, "refuse")
    visitor.get(place_of(case))
    assert "Not cleared: Japan" in visitor.page
    assert "It does not have to give a reason" in visitor.page


def test_c4_another_applicants_card_is_not_there(small: Portal) -> None:
    flow, case, _ = holder(small)
    other = flow.circulated()
    link(small, other, BEN)
    ben = small.browser().sign_in(BEN)
    ben.get("/apply/AUS/track")
    assert f"/track/{case.card}" not in ben.page
    for rest in ("", "/passport", "/lost", "/phone", "/renewal"):
        assert ben.get(place_of(case, rest)).status_code == 404
    assert ben.post(
        place_of(case, "/lost"), {"what": "card", **YES}, page=place_of(other, "/lost")
    ).status_code == 404  # fmt: skip
    assert rows(small) == []


@pytest.mark.parametrize("event", [None, "refuse", "withdraw", "approve"])
def test_c4_who_applies_in_anothers_name_sees_no_card_before_an_approval(
    small: Portal, event: str | None
) -> None:
    """An officer has entered it for the person on file, whose passport it names."""
    flow = Flow(small.back)
    fields = flow.fields()
    first = flow.do("application.enter", who="ann", **fields)
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, first.application)
    victim = flow.step("approve", first.application)
    again = flow.do("application.enter", who="ann", **fields, person_id=first.person)
    link(small, flow.step("submit", again.application), BEN)
    ben = small.browser().sign_in(BEN)
    if event is not None:
        for name in ("open", "pass_stage", event):
            flow.step(name, again.application)
    answer = ben.get(place_of(victim))
    assert answer.status_code == (200 if event == "approve" else 404)
    ben.get("/apply/AUS/track")
    assert (place_of(victim) in ben.page) is (event == "approve")


@pytest.mark.parametrize("rest", ["", "/passport", "/lost", "/renewal"])
def test_c4_whoever_has_not_signed_in_sees_nothing(small: Portal, rest: str) -> None:
    _, case, _ = holder(small)
    answer = small.browser().get(place_of(case, rest))
    assert answer.status_code == 303
    assert "/sign-in" in answer.headers["Location"]


# What can be asked for


def test_a_new_passport_is_previewed_confirmed_and_left_to_an_officer(
    small: Portal,
) -> None:
    flow, case, visitor = holder(small)
    flow.configure("JPN", "on_passport_change = [{ value = 'keep', %s }]")
    flow.decide(flow.lane(case, "JPN").id, "approve")
    form = place_of(case, "/passport")
    visitor.post(form, PASSPORT, page=form)
    assert "Stays as it is: 1" in visitor.page
    assert "<p>Japan</p>" in visitor.page
    assert rows(small) == []
    wrong = visitor.post(form, {**PASSPORT, "confirm": "perhaps"})
    assert (wrong.status_code, "Type YES here" in visitor.page) == (400, True)
    assert rows(small) == []
    assert visitor.post(form, {**PASSPORT, **YES}).status_code == 303
    [row] = rows(small)
    assert json.loads(row.given)["number"] == "PX7654321"
    view = flow.do("card.show", card=case.card)
    assert "PX7654321" not in str(view)
    visitor.post(form, PASSPORT, page=form)
    again = visitor.post(form, {**PASSPORT, **YES})
    assert (again.status_code, "asked for this already" in visitor.page) == (409, True)
    assert flow.do("request.show", request=row.id).given["expires_on"] == "2039-01-01"
    flow.do("request.settle", request=row.id, outcome="done", answer="Linked today.")
    visitor.get(place_of(case))
    assert "Linked today." in visitor.page
    with refused("request.settled"):
        flow.do("request.settle", request=row.id, outcome="declined", answer="")
    [settled] = rows(small)
    assert settled.given == "{}"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("country", "AU", "Three letters"),
        ("number", "PX 76", "without spaces"),
        ("number", "PX\n7", "without spaces"),
        ("issued_on", "soon", "This is no day"),
        ("expires_on", "2029-01-01", "has ended"),
        ("issued_on", "2031-01-01", "is not issued yet"),
    ],
)
def test_a_passport_that_is_mistyped_is_told_at_its_field(
    small: Portal, field: str, value: str, words: str
) -> None:
    _, case, visitor = holder(small)
    form = place_of(case, "/passport")
    answer = visitor.post(form, {**PASSPORT, field: value, **YES}, page=form)
    assert (answer.status_code, words in visitor.page) == (400, True)
    assert rows(small) == []


def test_a_lost_phone_is_suspended_at_once_and_only_staff_lift_it(
    small: Portal,
) -> None:
    """The card itself stays as it is: a lost phone is not a lost card."""
    flow, case, visitor = holder(small)
    issued = flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    form = place_of(case, "/lost")
    assert visitor.post(form, {"what": "phone"}, page=form).status_code == 400
    done = visitor.post(form, {"what": "phone", **YES}, page=form)
    assert done.status_code == 303
    [row] = rows(small)
    assert row.suspended == 1
    credential = flow.row(Credential, issued.credential)
    assert credential.state == lifecycle.Credential.SUSPENDED
    assert state_of(small, case) == lifecycle.Card.ACTIVE
    visitor.get(place_of(case))
    taken = visitor.post(f"/apply/AUS/track/requests/{row.id}/take-back")
    assert taken.status_code == 303
    assert rows(small)[0].state == RequestState.TAKEN_BACK
    credential = flow.row(Credential, issued.credential)
    assert credential.state == lifecycle.Credential.SUSPENDED
    kinds = [
        each.kind
        for each in small.back.store.read(
            lambda session: session.scalars(select(Mail)).all()
        )
    ]
    assert {"request_received", "card_suspended"} <= {*kinds}


@pytest.mark.parametrize("what", ["phone", "plastic", "card"])
def test_no_report_of_a_holder_moves_the_state_of_a_card(
    small: Portal, what: str
) -> None:
    flow, case, visitor = holder(small)
    flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    form = place_of(case, "/lost")
    visitor.post(form, {"what": what, **YES}, page=form)
    assert len(rows(small)) == 1
    assert state_of(small, case) == lifecycle.Card.ACTIVE


def test_a_renewal_says_what_it_costs_before_it_is_asked_for(small: Portal) -> None:
    flow, case, visitor = holder(small)
    flow.decide(flow.lane(case, "JPN").id, "approve")
    form = place_of(case, "/renewal")
    visitor.get(form)
    assert "begins without clearances" in visitor.page
    assert "have cleared this card: Japan." in visitor.page
    assert "The fee is not known here" in visitor.page
    assert visitor.post(form, {"confirm": "no"}).status_code == 400
    assert visitor.post(form, YES).status_code == 303
    [line] = flow.do("request.list").requests
    assert line.kind == "renewal"
    assert flow.do("request.list", economy="JPN").requests == ()


def test_what_a_holder_may_not_take_back(small: Portal) -> None:
    """Another's request, or one that was dealt with."""
    flow, case, visitor = holder(small)
    form = place_of(case, "/renewal")
    visitor.post(form, YES, page=form)
    [row] = rows(small)
    back = f"/apply/AUS/track/requests/{row.id}/take-back"
    ben = small.browser().sign_in(BEN)
    assert ben.post(back, page="/apply/AUS/track").status_code == 404
    flow.do("request.settle", request=row.id, outcome="declined", answer="Too early.")
    visitor.post(back, page=place_of(case))
    assert rows(small)[0].state == RequestState.DECLINED


# In a browser


@pytest.fixture
def phone_place(chromium: Browser, small: Portal) -> Iterator[tuple[Place, Moved]]:
    flow = Flow(small.back)
    case = flow.circulated()
    flow.now += timedelta(days=9)
    flow.decide(flow.lane(case, "JPN").id, "approve")
    link(small.let_phones_in(), case)
    then = flow.now
    with portal_place(chromium, small, time=lambda: then, viewport=PHONE) as place:
        sign_in(place)
        yield place, case


@pytest.mark.enable_socket
@needs("Chromium")
def test_every_page_fits_a_small_phone_and_everybody(
    phone_place: tuple[Place, Moved],
) -> None:
    place, case = phone_place
    rests = ("", "/passport", "/lost", "/phone", "/renewal")
    for path in (
        "/apply/AUS/track",
        "/apply/AUS/track/join",
        *(place_of(case, rest) for rest in rests),
    ):
        place.go(path)
        assert place.accessibility() == [], path
        assert is_within(place), path
    place.go(place_of(case, "/phone"))
    place.page.get_by_role("button", name="Show the picture").click()
    expect(place.page.get_by_role("img", name="QR code")).to_be_visible()
    assert place.accessibility() == []
    assert is_within(place)
    assert place.refused == []


@pytest.mark.enable_socket
@needs("Chromium")
def test_a_new_passport_by_keyboard_alone(phone_place: tuple[Place, Moved]) -> None:
    place, case = phone_place
    place.go(place_of(case))
    place.page.get_by_role("link", name="I have a new passport").focus()
    place.page.keyboard.press("Enter")
    place.page.get_by_label("Issued by").focus()
    place.page.keyboard.type("AUS")
    place.page.keyboard.press("Tab")
    place.page.keyboard.type("PX7654321")
    place.page.get_by_label("Issued on").fill("2030-01-02")
    place.page.get_by_label("Valid until").fill("2039-01-01")
    place.page.keyboard.press("Enter")
    preview = place.page.get_by_role("heading", name="What this would do")
    expect(preview).to_be_visible()
    assert place.accessibility() == []
    place.page.get_by_label("Confirm").focus()
    place.page.keyboard.type("YES")
    place.page.keyboard.press("Enter")
    expect(place.page.get_by_text("Your request is with an officer")).to_be_visible()
    assert is_within(place)
