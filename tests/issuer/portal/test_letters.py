"""Whoever applied on paper follows it online, by the code of a letter."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from issuer.errors import Conflict
from issuer.office import Desk
from issuer.store import FollowLetter, Person, Role
from tests.issuer.office.flow import Flow
from tests.issuer.portal.applicant import Portal
from tests.issuer.portal.test_own_phone import ask, code_of
from tests.issuer.portal.test_tracking import ANN, BEN, link, place_of
from tests.issuer.web.front import Front

JOIN = "/apply/AUS/track/join"
WRONG = "This code is wrong, was used, or is too old"


def letter(flow: Flow, application: int) -> Any:
    return flow.do("application.follow_letter", application=application)


def test_a_letter_leads_from_paper_to_the_card(portal: Portal) -> None:
    flow = Flow(portal.back)
    case = flow.enter()
    flow.step("submit", case)
    made = letter(flow, case)
    assert made.address.endswith(JOIN)
    ann = portal.browser().sign_in(ANN)
    ann.get("/apply/AUS/track")
    assert made.number not in ann.page
    typed = made.code.lower().replace("-", " ")
    assert ann.post(JOIN, {"code": typed}, page=JOIN).status_code == 303
    ann.get("/apply/AUS/track")
    assert made.number in ann.page
    assert "Applied for on paper" in ann.page
    for name in ("open", "pass_stage"):
        flow.step(name, case)
    card = flow.step("approve", case)
    ann.get(place_of(card))
    assert f"Application {made.number}" in ann.page


def test_what_was_handed_in_online_is_shown_once(small: Portal) -> None:
    flow = Flow(small.back)
    case = flow.enter()
    link(small, flow.step("submit", case))
    ann = small.browser().sign_in(ANN)
    code = letter(flow, case).code
    assert ann.post(JOIN, {"code": code}, page=JOIN).status_code == 303
    ann.get("/apply/AUS/track")
    assert f"R{case}" in ann.page
    assert "Applied for on paper" not in ann.page


def test_c1_a_code_counts_once_and_says_nothing_when_it_does_not(
    small: Portal,
) -> None:
    """Wrong, used, replaced, too old and another economy's are one answer."""
    flow = Flow(small.back)
    first, second = flow.active(), flow.active()
    replaced = letter(flow, first.application).code
    used, old = letter(flow, first.application).code, letter(flow, second.application)
    ann, ben = small.browser().sign_in(ANN), small.browser().sign_in(BEN)
    ann.post(JOIN, {"code": used}, page=JOIN)
    pages = []
    for code in ("AAAA-BBBB-CCCC", "", used, replaced):
        assert ben.post(JOIN, {"code": code}, page=JOIN).status_code == 400
        pages.append(ben.page.replace(code, "").replace(ben.token, ""))
    small.clock.now += timedelta(days=61)
    ben = small.browser().sign_in(BEN)
    assert ben.post(JOIN, {"code": old.code}, page=JOIN).status_code == 400
    pages.append(ben.page.replace(old.code, "").replace(ben.token, ""))
    assert WRONG in pages[0]
    assert len(set(pages)) == 1
    ben.get("/apply/AUS/track")
    assert first.number not in ben.page


def test_a_wrong_code_holds_up_nobody(
    small: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever guesses would take turns with all officers: one writes at a time."""
    ann = small.browser().sign_in(ANN)
    ann.get(JOIN)

    def write(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Desk, "write", write)
    assert ann.post(JOIN, {"code": "AAAA-BBBB-CCCC"}).status_code == 400


def test_c4_a_letter_alone_brings_no_card(small: Portal) -> None:
    """Who makes a letter for themselves has no code: it goes to the address on file."""
    flow = Flow(small.let_phones_in().back)
    silent, known = flow.active(), flow.active(email="on.file@example.com")
    ann = small.browser().sign_in(ANN)
    for case in (silent, known):
        code = letter(flow, case.application).code
        assert ann.post(JOIN, {"code": code}, page=JOIN).status_code == 303
    ann.get(place_of(silent))
    assert "Put the card on my phone" not in ann.page
    assert ask(ann, silent) == 409
    assert ask(ann, known) == 200
    assert code_of(small)
    assert small.letters.sent[-1]["to"] == "on.file@example.com"
    emails = small.back.store.read(lambda s: s.scalars(select(Person.email)).all())
    assert set(emails) == {None, "on.file@example.com"}, "the file stays as it is"


def test_c4_an_address_typed_after_the_approval_brings_no_code(small: Portal) -> None:
    """Else one officer has a card that others approved: a renewal brings an address."""
    flow = Flow(small.let_phones_in().back)
    fields = flow.fields(email="on.file@example.com")
    entered = flow.do("application.enter", who="ann", **fields)
    for name in ("submit", "open", "pass_stage"):
        flow.step(name, entered.application)
    case = flow.step("approve", entered.application)
    code = letter(flow, case.application).code
    ann = small.browser().sign_in(ANN)
    assert ann.post(JOIN, {"code": code}, page=JOIN).status_code == 303
    fields["person"]["email"] = ANN
    flow.now += timedelta(minutes=1)
    draft = flow.do("application.enter", **fields, person_id=entered.person).application
    assert ask(ann, case) == 409
    flow.step("withdraw", draft)
    assert ask(ann, case) == 409
    assert not [each for each in small.letters.sent if each["kind"] == "phone_code"]


def test_only_a_mark_of_the_code_is_kept(small: Portal) -> None:
    flow = Flow(small.back)
    code = letter(flow, flow.active().application).code
    [row] = small.back.store.read(lambda s: s.scalars(select(FollowLetter)).all())
    assert row.code_mark
    assert code.replace("-", "") not in row.code_mark


def test_where_there_are_no_pages_there_is_no_letter(small: Portal) -> None:
    flow = Flow(small.back)
    case = flow.enter(economy="JPN")
    with pytest.raises(Conflict, match=r"portal\.never"):
        flow.do("application.follow_letter", economy="JPN", application=case)


def test_an_officer_prints_the_letter_once(small: Portal) -> None:
    front = Front.of(small.back)
    case = Flow(small.back).active()
    officer = front.browser().enter(front.person("AUS", roles=[Role.INTAKE]))
    here = f"/applications/{case.application}"
    assert officer.post(f"{here}/letter", {"reason": ""}, page=here).status_code == 400
    made = officer.post(f"{here}/letter", {"reason": "asked at the counter"})
    assert (made.status_code, JOIN in officer.page) == (200, True)
    officer.get(here)
    assert JOIN not in officer.page
