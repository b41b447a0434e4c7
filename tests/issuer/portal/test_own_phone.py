"""Holders put an approved card on their first phone: half here, half by mail."""

import json
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy import select

from issuer.applications import Moved
from issuer.errors import Conflict
from issuer.holding import Holders
from issuer.installation import EPassport
from issuer.offers import key_of
from issuer.phone_waits import Offered
from issuer.portal.phones import OFFERS_A_DAY
from issuer.store import Mail, Offer, OfferState
from tests.issuer.office.card_builder import phone
from tests.issuer.office.flow import Flow
from tests.issuer.portal.applicant import Browser, Portal
from tests.issuer.portal.test_tracking import ANN, BEN, link, place_of


def holder(portal: Portal) -> tuple[Flow, Moved, Browser]:
    """Ann's card is approved, and she is signed in."""
    flow = Flow(portal.let_phones_in().back)
    case = flow.active()
    link(portal, case)
    return flow, case, portal.browser().sign_in(ANN)


def ask(visitor: Browser, case: Moved) -> int:
    """Ask for the picture, and return the status."""
    here = place_of(case, "/phone")
    return visitor.post(here, page=here).status_code


def code_of(portal: Portal) -> str:
    """Return the code of six digits that was mailed last."""
    query = select(Mail).where(Mail.kind == "phone_code").order_by(Mail.id.desc())
    row = portal.back.store.read(lambda s: s.scalars(query.limit(1)).one())
    return str(json.loads(row.words)["code"])


def redeem(portal: Portal, page: str, digits: str | None) -> None:
    """Take what a page offers, as a wallet does."""
    [address] = set(re.findall(r"openid-credential-offer://\?[^\"&]+=([^\"]+)", page))
    reference = unquote(address).rpartition("/")[2]
    desk = portal.back.office.system_desk("AUS", now=portal.clock.now, reason="x")
    holders = Holders(office=portal.back.office, key=key_of(desk))
    offered = holders.offered("AUS", reference, now=portal.clock.now)
    assert offered is not None
    holders.redeem(
        "AUS", offered.code, digits, phone_key="k" * 43,
        proof=f"p{digits}", now=portal.clock.now,
    )  # fmt: skip


def test_h2_neither_the_page_nor_the_mail_alone_brings_the_card(small: Portal) -> None:
    """Both do; the page has no code, and the mail leads nowhere."""
    _, case, visitor = holder(small)
    assert ask(visitor, case) == 200
    page, digits = visitor.page, code_of(small)
    assert digits not in page
    assert digits.replace(" ", "") not in page
    mailed = small.letters.sent[-1]
    assert set(mailed["words"]) == {"code", "minutes"}
    for wrong in (None, "000000" if digits != "000 000" else "111111"):
        with pytest.raises(Conflict):
            redeem(small, page, wrong)
    redeem(small, page, digits)


def test_the_code_goes_to_the_address_on_file(small: Portal) -> None:
    """Who has typed somebody's data from another address gets no code."""
    flow = Flow(small.let_phones_in().back)
    case = flow.active(email="on.file@example.com")
    link(small, case)
    assert ask(small.browser().sign_in(ANN), case) == 200
    assert small.letters.sent[-1]["to"] == "on.file@example.com"


def test_c4_another_applicants_card_is_not_offered(small: Portal) -> None:
    flow, case, _ = holder(small)
    link(small, flow.active(), BEN)
    ben = small.browser().sign_in(BEN)
    ben.get("/apply/AUS/track")
    assert ben.post(place_of(case, "/phone")).status_code == 404
    assert offers(small) == []


def offers(portal: Portal) -> list[Offer]:
    return list(portal.back.store.read(lambda s: s.scalars(select(Offer)).all()))


def test_c4_a_card_that_has_been_on_a_phone_is_not_offered_again(small: Portal) -> None:
    """Nor after that phone was lost: a stolen mailbox moves nobody's card."""
    flow, case, visitor = holder(small)
    issued = flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    assert ask(visitor, case) == 409
    flow.do(
        "credential.revoke", who="eve", credential=issued.credential, why="lost_phone"
    )
    assert ask(visitor, case) == 409
    assert "cannot be put on a phone here" in visitor.page
    assert offers(small) == []


def test_c4_an_offer_from_before_the_first_phone_does_not_move_its_card(
    small: Portal,
) -> None:
    """Made while the holder was being asked for a yes, by who reads their mail."""
    flow, case, visitor = holder(small)
    assert ask(visitor, case) == 200
    page, digits = visitor.page, code_of(small)
    flow.now += timedelta(seconds=1)
    flow.do("card.issue_app", who="eve", card=case.card, holder_key=phone())
    small.clock.now += timedelta(seconds=2)
    with pytest.raises(Conflict, match=r"grant\.invalid"):
        redeem(small, page, digits)


def test_it_is_for_the_economy_to_want(small: Portal) -> None:
    flow = Flow(small.back)
    case = flow.active()
    link(small, case)
    visitor = small.browser().sign_in(ANN)
    visitor.get(place_of(case))
    assert "Put the card on my phone" not in visitor.page
    assert ask(visitor, case) == 409


def test_where_chips_are_read_first_they_are(small: Portal) -> None:
    _, case, visitor = holder(small)
    office = small.back.office
    office.installation = office.installation.model_copy(
        update={"epassport": EPassport(at_counter=("AUS",))}
    )
    assert ask(visitor, case) == 409
    assert "reads the chip of your passport" in visitor.page


def test_a_card_is_offered_six_times_a_day(small: Portal) -> None:
    _, case, visitor = holder(small)
    asked = [ask(visitor, case) for _ in range(OFFERS_A_DAY + 1)]
    assert asked == [*[200] * OFFERS_A_DAY, 409]
    states = [each.state for each in offers(small)]
    assert states.count(OfferState.OPEN) == 1


def test_an_approval_tells_who_follows_online_that_a_phone_can_come(
    small: Portal,
) -> None:
    flow = Flow(small.let_phones_in().back)
    paper = flow.enter(email="paper@example.com")
    online = flow.do("application.enter", who="ann", **flow.fields(email=ANN))
    link(small, online)
    for case in (paper, online.application):
        for name in ("submit", "open", "pass_stage", "approve"):
            flow.step(name, case)
    query = select(Mail.recipient).where(Mail.kind == "card_for_phone")
    assert small.back.store.read(lambda s: s.scalars(query).all()) == [ANN]


def test_officers_see_who_waits_for_a_phone(small: Portal) -> None:
    flow, case, visitor = holder(small)
    flow.now += timedelta(days=8)
    young, has = flow.active(email="b@example.com"), flow.active()
    flow.do("card.issue_app", who="eve", card=has.card, holder_key=phone())
    assert flow.do("queue.counts").phones_to_come == 2
    page = flow.do("queue.phones", limit=1)
    [first] = page.cards
    assert (first.card, first.days, first.approved_by_you) == (case.card, 8, True)
    [second] = flow.do("queue.phones", limit=1, after=page.after).cards
    assert (second.card, second.has_email, second.days) == (young.card, True, 0)
    assert [each.card for each in flow.do("queue.phones", days=7).cards] == [case.card]
    ask(visitor, case)
    tried = flow.do("queue.phones", offered=Offered.BEFORE).cards
    assert [each.card for each in tried] == [case.card]
    never = flow.do("queue.phones", offered=Offered.NEVER).cards
    assert [each.card for each in never] == [young.card]
    assert flow.do("queue.phones", economy="JPN").cards == ()
