"""What an economy asks of applicants, for everybody, also at 320 pixels."""

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.components import needs
from tests.issuer.back_office import SCHEME
from tests.issuer.portal.applicant import Portal
from tests.issuer.portal.place import PHONE, is_within, portal_place


def page_of(portal: Portal, path: str) -> tuple[int, str]:
    browser = portal.browser()
    answer = browser.get(path)
    return answer.status_code, browser.page or answer.get_data(as_text=True)


@pytest.mark.parametrize("code", sorted(SCHEME.economies))
def test_everybody_can_read_what_each_economy_asks(small: Portal, code: str) -> None:
    """Without signing in, also of an economy that is not worked for here."""
    status, page = page_of(small, f"/apply/{code}/requirements")
    assert status == 200
    assert f"What {SCHEME.economy(code).name} asks of applicants" in page
    assert "{" not in page.partition("<main")[2]


def test_facts_have_their_source_and_what_is_unknown_is_said(small: Portal) -> None:
    _, page = page_of(small, "/apply/TWN/requirements")
    assert "Application: 5000 TWD" in page
    assert "Stated by a government or APEC · BOCA" in page
    assert "A police certificate." in page
    assert "Unknown is not a no" in page
    assert "<li>The steps of the review</li>" in page
    _, page = page_of(small, "/apply/KOR/requirements")
    assert "<li>Destination answers</li>" in page


def test_a_fact_begins_when_it_does_and_not_a_day_before(small: Portal) -> None:
    """Midnight in Canberra, 1 March, is the day before in UTC."""
    _, page = page_of(small, "/apply/AUS/requirements")
    assert "AUS Home Affairs · from 28 February 2021, 13:00 UTC" in page


def test_a_day_is_chosen_and_a_wrong_one_is_told(small: Portal) -> None:
    _, page = page_of(small, "/apply/HKG/requirements?on=2014-01-01")
    assert "It lasts 3 years" in page
    for wrong in ("yesterday", "2030-02-30", "0001-01-01", "9999-12-31"):
        status, page = page_of(small, f"/apply/HKG/requirements?on={wrong}")
        assert (status, "This is no day" in page) == (400, True)
        path = f"/apply/HKG/requirements.json?on={wrong}"
        assert small.browser().get(path).status_code == 400


def test_programs_get_the_same_facts(small: Portal) -> None:
    answer = small.browser().get("/apply/HKG/requirements.json?on=2030-01-01")
    assert answer.mimetype == "application/json"
    found = json.loads(answer.data)
    assert found["code"] == "HKG"
    assert [each["source"] for each in found["facts"] if each["key"] == "criteria"] == [
        "HK Immigration"
    ] * 3
    for wrong in ("XXX", "hkg", "AUSTRALIA"):
        path = f"/apply/{wrong}/requirements"
        assert small.browser().get(path).status_code == 404


@pytest.mark.enable_socket
@needs("Chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_small_phone_and_everybody(
    chromium: Browser, small: Portal, scheme: str
) -> None:
    with portal_place(chromium, small, viewport=PHONE, color_scheme=scheme) as place:
        place.go("/apply/AUS/requirements")
        expect(place.page.get_by_role("heading", level=1)).to_contain_text("Australia")
        assert place.accessibility() == []
        assert is_within(place)
        assert place.refused == []
