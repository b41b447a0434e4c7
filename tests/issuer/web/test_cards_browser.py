"""Pages about cards and the office in a real browser, without scripts."""

import pytest
from playwright.sync_api import Browser, expect

from tests.components import needs
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.web.chromium import Place, opened
from tests.issuer.web.front import Front
from tests.issuer.web.test_browser import begin, finish, small_targets
from tests.issuer.web.test_cards_pages import do

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
PAGES = ("/cards", "/cards/1", "/cards/1/do/cancel", "/cards/1/do/rebind",
         "/cards/1/reissue", "/cards/1/reissue/lost_phone", "/cards/1/passport",
         "/plastic", "/reports?report=months", "/publication", "/configuration",
         "/configuration/economies/CHN", "/configuration/versions/new",
         "/configuration/keys", "/audit", "/operators/1")  # fmt: skip


@pytest.fixture
def front(prepared_small: Prepared) -> Front:
    made = Front.of(office_at(prepared_small, hosted=("KOR", "NZL")))
    card = CardBuilder(office=made.back).make(pending=("JPN",))
    do(made, "card.issue_app", card=card, holder_key=phone())
    do(made, "card.issue_plastic", card=card, interim=True)
    return made


def sign_in(place: Place) -> None:
    who = place.front.person("KOR")
    begin(place, who)
    finish(place, who)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_pages_of_cards_and_the_office_are_accessible_and_fit(
    chromium: Browser, front: Front, width: int, scheme: str
) -> None:
    viewport = {"width": width, "height": 900}
    with opened(chromium, front, viewport=viewport, color_scheme=scheme) as place:
        sign_in(place)
        for path in PAGES:
            place.go(path)
            assert place.accessibility() == [], path
            wide = place.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            assert small_targets(place) == [], path
        assert place.refused == []


def test_a_card_is_found_suspended_and_drawn_without_javascript(
    chromium: Browser, front: Front
) -> None:
    """Also: the picture of a report is there, and its policy refuses nothing of it."""
    with opened(chromium, front, java_script_enabled=False) as place:
        sign_in(place)
        page = place.page
        page.get_by_role("link", name="Cards", exact=True).click()
        page.get_by_label("Family name").fill("citi")
        page.get_by_role("button", name="Find").click()
        page.get_by_role("link", name="1", exact=True).click()
        page.get_by_role("link", name="Suspend the card").click()
        page.get_by_label("Reason").fill("papers are looked at")
        page.get_by_role("button", name="Suspend the card").click()
        expect(page.get_by_role("status")).to_contain_text("The card is suspended")
        expect(page.locator(".headline .badge")).to_have_text("Suspended")
        place.go("/reports?report=months")
        picture = page.get_by_role("img", name="as bars")
        box = picture.bounding_box()
        assert box is not None
        assert box["height"] > 50
        assert place.refused == []
