"""Pages about offices elsewhere: links to them, and passports that were met."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from issuer.chip_readings import PROVED
from issuer.epassport import ChipRefusal
from issuer.store import (
    Application,
    ChipReading,
    HeldSubmission,
    LinkPartner,
    LinkQuestion,
    OnlinePayment,
    PassportHit,
    PassportSide,
    RegisterState,
    Role,
)
from issuer.web.case_words import CHIPS
from tests.issuer.office.flow import Flow
from tests.issuer.web.front import Browser, Front
from tests.simulator import NOW


def keep(front: Front, row: Any) -> int:
    def add(session: Session) -> int:
        session.add(row)
        session.flush()
        return int(getattr(row, "id", 0))

    return front.back.store.write(add, now=NOW)


def enter(front: Front, *roles: Role, economy: str = "AUS") -> Browser:
    return front.browser().enter(front.person(economy, roles=roles))


def linked(front: Front, flow: Flow | None = None) -> str:
    """AUS has a link to JPN; JPN has refused one question."""
    office = front.back.office
    services = office.installation.services.model_copy(
        update={"partners": {"JPN": "https://abtc.jpn.example"}}
    )
    office.installation = office.installation.model_copy(update={"services": services})
    flow = flow or Flow(front.back)
    lane = flow.lane(flow.circulated(), "JPN")
    opener = front.person("AUS", roles=[]).number
    keep(front, LinkPartner(economy="AUS", destination="JPN", opened_by=opener,
                            opened_at=NOW, heard_at=NOW))  # fmt: skip
    question = LinkQuestion(
        economy="AUS", destination="JPN", card_id=lane.card_id,
        preclearance_id=lane.id, reference="AUS-REFERENCE-1", asked_at=NOW,
        changed_at=NOW, next_at=NOW + timedelta(hours=9), tries=3,
        problem="passport.short",
        problem_text="the passport <b>ends</b> too soon",
    )  # fmt: skip
    keep(front, question)
    return question.reference


def hit(front: Front, *, economy: str = "AUS", reference: str = "K7M2-9QXD") -> int:
    row = PassportHit(
        economy=economy, side=PassportSide.ASKER, other="JPN", reference=reference,
        state=RegisterState.STOLEN, asked_from="device lane-4",
        contact="+81 3 5550 1234", found_at=NOW - timedelta(hours=2),
    )  # fmt: skip
    return keep(front, row)


def handed_in(front: Front) -> int:
    """A partner has handed in somebody who has the passport of somebody on file."""
    flow = Flow(front.back, _count=40)  # nobody whom another test enters
    fields = flow.fields(given_name="Zoe")
    flow.do("application.enter", **fields)
    given = {name: fields[name] for name in ("person", "passport")}
    row = HeldSubmission(
        economy="AUS", client="client:chamber", number="AUS34679ACEF",
        given=json.dumps(given), held_for="passport.other_person", is_whole=False,
        state="waiting",
        came_at=NOW - timedelta(days=3), changed_at=NOW,
    )  # fmt: skip
    return keep(front, row)


def test_what_a_partner_handed_in_waits_for_who_it_is(small: Front) -> None:
    """Nobody is joined with somebody on file but by an officer's word."""
    number = handed_in(small)
    browser = enter(small, Role.INTAKE)
    browser.get("/online")
    assert f"/online/partners/{number}" in browser.page
    page = f"/online/partners/{number}"
    browser.get(page)
    assert "Is this the applicant?" in browser.page
    unsaid = browser.post(f"{page}/take", {"reason": "x", "alike.1": ""})
    assert unsaid.status_code == 400
    browser.post(f"{page}/dismiss", {"reason": "known at the office"})
    browser.get("/online")
    assert page not in browser.page
    assert browser.get(page).status_code == 404


def test_what_a_destination_refused_is_shown_and_sent_again(small: Front) -> None:
    reference = linked(small)
    browser = enter(small, Role.VETTING)
    browser.get("/links")
    assert "Needs a look" in browser.page
    browser.get("/links/JPN")
    assert reference in browser.page
    assert "the passport &lt;b&gt;ends&lt;/b&gt; too soon" in browser.page
    unsaid = browser.post("/links/JPN/again", {"reason": ""})
    assert (unsaid.status_code, "Say why" in browser.page) == (400, True)
    done = browser.post("/links/JPN/again", {"reason": "the passport was corrected"})
    assert done.status_code == 303
    browser.get("/links/JPN")
    assert "The next round sends it again." in browser.page


def test_an_administrator_reads_links_and_sends_nothing(small: Front) -> None:
    linked(small)
    browser = enter(small, Role.ADMIN)
    browser.get("/links/JPN")
    assert "the passport" in browser.page
    assert "Send again now" not in browser.page


def test_a_destination_that_is_not_reached_is_no_silence(small: Front) -> None:
    opener = small.person("AUS", roles=[]).number
    keep(small, LinkPartner(economy="AUS", destination="KOR", opened_by=opener,
                            opened_at=NOW))  # fmt: skip
    browser = enter(small, Role.VETTING)
    browser.get("/links")
    assert "No address set" in browser.page
    browser.get("/links/KOR")
    assert "nothing is sent" in browser.page


@pytest.mark.parametrize("path", ["/links/JPN", "/links/XXX"])
def test_c4_another_economys_link_is_not_there(small: Front, path: str) -> None:
    linked(small)
    browser = enter(small, Role.VETTING, economy="NZL")
    browser.get("/links")
    assert "Japan" not in browser.page.split("<main")[1]
    assert browser.get(path).status_code == 404
    again = browser.post(f"{path}/again", {"reason": "x"}, page="/account")
    assert again.status_code == 404


def test_a_hit_is_followed_up_and_closed_once(small: Front) -> None:
    number = hit(small)
    browser = enter(small, Role.PRECLEARANCE)
    browser.get("/passport-hits")
    assert "+81 3 5550 1234" in browser.page
    assert "A passport of Japan was met here" in browser.page
    said = {"outcome": "handed to the police", "reason": "called Japan"}
    unsaid = browser.post(f"/passport-hits/{number}/close", {**said, "outcome": ""})
    assert unsaid.status_code == 400
    browser.get("/passport-hits")
    closed = browser.post(f"/passport-hits/{number}/close", said)
    assert closed.status_code == 303
    again = browser.post(f"/passport-hits/{number}/close", said, page="/passport-hits")
    assert (again.status_code, "hit.closed" in browser.page) == (409, True)
    browser.get("/passport-hits")
    assert "K7M2-9QXD" not in browser.page
    browser.get("/passport-hits?closed=1")
    assert "handed to the police" in browser.page


def test_what_was_typed_stays_in_the_row_that_was_sent(small: Front) -> None:
    """A refusal of one says nothing of the others, nor would it be sent for them."""
    number, other = hit(small), hit(small, reference="B3B3-4444")
    browser = enter(small, Role.PRECLEARANCE)
    said = {"outcome": "handed to the police", "reason": ""}
    browser.post(f"/passport-hits/{number}/close", said, page="/passport-hits")
    assert browser.page.count("handed to the police") == 1
    assert f'href="#hit-{number}-reason"' in browser.page
    assert browser.page.count("Say why") == 2, "above, and beside its field"
    assert f"/passport-hits/{other}/close" in browser.page


def test_an_officer_who_cannot_ask_is_told_what_to_do_and_no_command(
    small: Front,
) -> None:
    flow = Flow(small.back)
    lane = flow.lane(flow.circulated(), "JPN").id
    here = f"/incoming/{lane}"
    for roles, words in (([Role.PRECLEARANCE], "check the passport by hand"),
                         ([Role.PRECLEARANCE, Role.ADMIN], "renew-key")):  # fmt: skip
        browser = enter(small, *roles, economy="JPN")
        answer = browser.post(f"{here}/passport", {"reason": "the queue"}, page=here)
        assert (answer.status_code, words in browser.page) == (409, True)
        assert ("abtc-issuer" in browser.page) is (Role.ADMIN in roles)


def test_when_people_may_apply_is_a_page_of_its_own(small: Front) -> None:
    admin = enter(small, Role.ADMIN, Role.INTAKE)
    admin.get("/online")
    assert "<title>Applicants online" in admin.page
    assert "/online/settings" in admin.page
    assert "Open them now" not in admin.page
    admin.get("/online/settings")
    assert "<title>When people may apply online" in admin.page
    refused = admin.post("/online/open", {"reason": ""})
    assert (refused.status_code, "Open them now" in admin.page) == (400, True)
    assert admin.post("/online/open", {"reason": "today"}).status_code == 303


def test_a_payment_that_is_refused_keeps_its_own_words(small: Front) -> None:
    for number in (1, 2):
        keep(small, OnlinePayment(
            economy="AUS", reference=f"P-{number}", kind="application", amount="70",
            currency="AUD", state="due", created_at=NOW, changed_at=NOW,
        ))  # fmt: skip
    browser = enter(small, Role.INTAKE)
    browser.post("/online/payments/1/confirm", {"receipt": "statement 7"},
                 page="/online")  # fmt: skip
    assert browser.page.count("statement 7") == 1
    assert browser.page.count("<details open>") == 1
    assert 'href="#p1-reason"' in browser.page


def test_auditors_read_hits_and_close_none(small: Front) -> None:
    hit(small)
    browser = enter(small, Role.AUDIT)
    browser.get("/passport-hits")
    assert "K7M2-9QXD" in browser.page
    assert "Close the hit" not in browser.page


def test_c4_another_economys_hit_is_not_there(small: Front) -> None:
    number = hit(small, economy="JPN", reference="JJJJ-1111")
    browser = enter(small, Role.PRECLEARANCE)
    browser.get("/passport-hits?closed=1")
    assert "JJJJ-1111" not in browser.page
    said = {"outcome": "x", "reason": "x"}
    answer = browser.post(f"/passport-hits/{number}/close", said)
    assert answer.status_code == 404


def test_a_chip_that_was_read_stands_on_the_case(small: Front) -> None:
    case = Flow(small.back).circulated()

    def add(session: Session) -> None:
        row = session.get_one(Application, case.application)
        session.add(
            ChipReading(
                application_id=row.id, passport_id=row.passport_id,
                read_by=row.entered_by, read_at=NOW, outcome="chip.signature",
            )
        )  # fmt: skip

    browser = enter(small, Role.VETTING)
    browser.get(f"/applications/{case.application}")
    assert "Not proved" not in browser.page
    small.back.store.write(add, now=NOW)
    browser.get(f"/applications/{case.application}")
    assert "Not proved" in browser.page
    assert "suspect the passport" in browser.page


def test_whatever_came_of_a_chip_has_words() -> None:
    assert set(CHIPS) == {PROVED, *ChipRefusal}
