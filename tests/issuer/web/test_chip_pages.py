"""Checking a passport's chip in the back office: three files, and what they prove."""

import io
from base64 import b64decode

import pytest

from issuer.installation import EPassport
from issuer.store import Role
from tests.issuer.epassport.mini_csca import CSCA, SIGNER
from tests.issuer.office.card_builder import CardBuilder
from tests.issuer.office.test_chip_readings import believe, chip, of_card
from tests.issuer.web.front import Browser, Front


@pytest.fixture
def card(small: Front) -> int:
    folder = small.back.office.installation.path("csca")
    folder.mkdir()
    (folder / "AU.cer").write_bytes(CSCA.der)
    believe(small.back, EPassport(anchors="csca"))
    return CardBuilder(office=small.back).make("AUS")


def officer(front: Front, economy: str = "AUS") -> Browser:
    return front.browser().enter(front.person(economy, roles=[Role.INTAKE]))


def send(
    front: Front, browser: Browser, card: int, *, leave: str = "", **changes: str
) -> int:
    """Send what a reader has written, and return the status."""
    application, passport, person = of_card(front.back, card)
    files = {
        name: (io.BytesIO(b64decode(text)), f"{name}.bin")
        for name, text in chip(passport, person, signer=SIGNER, **changes).items()
        if name != leave
    }
    here = f"/applications/{application}/chip"
    fields = {"reason": "at the counter", **files}
    return browser.post(
        here, fields, page=here, content_type="multipart/form-data"
    ).status_code


def test_what_is_proved_stands_beside_what_is_not(small: Front, card: int) -> None:
    browser = officer(small)
    assert send(small, browser, card) == 200
    assert "has signed these lines and this portrait" in browser.page
    assert "a copy of the files passes" in browser.page
    application = of_card(small.back, card)[0]
    browser.get(f"/applications/{application}")
    assert "A state has signed it" in browser.page
    assert send(small, browser, card) == 200, "once more, with the same files"


def test_another_passports_chip_says_in_what_it_differs(
    small: Front, card: int
) -> None:
    browser = officer(small)
    assert send(small, browser, card, number="XX9999999") == 200
    assert "Other than typed: its number." in browser.page
    assert "has signed these lines" not in browser.page


def test_each_file_is_asked_for(small: Front, card: int) -> None:
    browser = officer(small)
    assert send(small, browser, card, leave="portrait") == 400
    assert "Choose the file that the reader has written" in browser.page


def test_r4_a_file_longer_than_any_passports_is_not_read(
    small: Front, card: int
) -> None:
    browser, here = officer(small), f"/applications/{of_card(small.back, card)[0]}/chip"
    files = {name: (io.BytesIO(b"0" * 70_000), "x") for name in ("sod", "lines")}
    answer = browser.post(
        here, {"reason": "x", **files}, page=here, content_type="multipart/form-data"
    )
    assert (answer.status_code, "Is it the right file?" in browser.page) == (400, True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (EPassport(), "name no trusted certificates"),
        (EPassport(anchors="gone"), "nothing was checked"),
    ],
)
def test_without_certificates_nothing_is_said_of_the_passport(
    small: Front, card: int, settings: EPassport, words: str
) -> None:
    browser = officer(small)
    believe(small.back, settings)
    assert send(small, browser, card) == 409
    assert words in browser.page
    assert "What came of it" not in browser.page


def test_c4_another_economys_case_has_no_chip_page(small: Front, card: int) -> None:
    browser = officer(small, "JPN")
    here = f"/applications/{of_card(small.back, card)[0]}/chip"
    assert browser.get(here).status_code == 404
