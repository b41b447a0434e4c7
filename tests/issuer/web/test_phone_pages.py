"""Offering a card to a phone from the back office, in a browser."""

import re

import pytest
from sqlalchemy import select

from issuer.counter import begin, check_number
from issuer.installation import Wallet
from issuer.store import Account, Role
from tests.issuer.office.card_builder import CardBuilder
from tests.issuer.web.front import Browser, Front, PersonWithPhone


@pytest.fixture
def browser(small: Front) -> Browser:
    office = small.back.office
    wallet = Wallet(
        url="https://wallet.example", hosts=("wallet.example",), secure=True
    )
    office.installation = office.installation.model_copy(update={"wallet": wallet})
    return small.browser().enter(small.person(roles=[Role.ISSUING]))


@pytest.fixture
def card(small: Front) -> int:
    return CardBuilder(office=small.back).make("AUS")


def test_the_card_leads_to_its_phone(browser: Browser, card: int) -> None:
    page = browser.get(f"/cards/{card}").get_data(as_text=True)
    assert f'href="/cards/{card}/phone"' in page


def test_an_offer_shows_its_secrets_once(browser: Browser, card: int) -> None:
    here = f"/cards/{card}/phone"
    answer = browser.post(f"{here}/offer", {"reason": "asked by mail"}, page=here)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    link = r"https://wallet\.example/wallet/#offer\?credential_offer_uri=[^<]+"
    assert re.search(link, page)
    assert "<svg" in page
    code = re.search(r">(\d{3}) (\d{3})<", page)
    assert code
    letter, _, rest = page.partition('<div class="screen-only">\n<section>')
    assert code[0] not in letter  # what is printed has the link only
    assert code[0] in rest
    again = browser.get(here).get_data(as_text=True)
    assert code[0] not in again
    assert "Open" in again


def test_an_offer_is_ended(browser: Browser, card: int) -> None:
    here = f"/cards/{card}/phone"
    browser.post(f"{here}/offer", {"reason": "x"}, page=here)
    cancel = re.search(rf"{here}/\d+/cancel", browser.get(here).get_data(as_text=True))
    assert cancel
    assert browser.post(cancel[0], {"reason": "x"}, page=here).status_code == 303
    assert "Open" not in browser.get(here).get_data(as_text=True)


def test_a_phone_at_the_counter_gets_the_card(
    small: Front, browser: Browser, card: int
) -> None:
    office = small.back.office
    own = office.system_desk("AUS", now=small.clock(), reason="a phone")
    waiting = begin(own, phone_key="k" * 43, proof="p")
    number = check_number("k" * 43, waiting.random)
    here = f"/cards/{card}/phone"
    wrong = browser.post(
        f"{here}/counter", {"reason": "x", "number": "1234 5678"}, page=here
    )
    assert wrong.status_code == 409
    typed = f"{number[:4]} {number[4:]}"
    done = browser.post(f"{here}/counter", {"reason": "x", "number": typed}, page=here)
    assert done.status_code == 200
    assert re.search(
        r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", done.get_data(as_text=True)
    )


def test_without_a_wallet_nothing_is_offered(small: Front, card: int) -> None:
    browser = small.browser().enter(small.person(roles=[Role.ISSUING]))
    here = f"/cards/{card}/phone"
    answer = browser.post(f"{here}/offer", {"reason": "x"}, page=here)
    assert answer.status_code == 409
    assert "wallet.none" in answer.get_data(as_text=True)


def test_i1_who_approved_the_card_does_not_offer_it(
    small: Front, browser: Browser, card: int
) -> None:
    bob = select(Account.id).where(Account.login == "bob-aus")
    number = small.back.store.read(lambda session: session.scalars(bob).one())
    approver = PersonWithPhone(number=number, login="bob-aus", secret="")
    page = small.browser().enter(approver)
    here = f"/cards/{card}/phone"
    assert page.get(here).get_data(as_text=True).count(" disabled>") == 2
    answer = page.post(f"{here}/offer", {"reason": "x"}, page=here)
    assert answer.status_code == 409
    said = "does not offer its card to a phone: another person has to do it"
    assert said in answer.get_data(as_text=True)
    assert " disabled>" not in browser.get(here).get_data(as_text=True)
