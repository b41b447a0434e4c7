"""Pages for applicants' staff and about offices elsewhere, in a real browser."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from issuer import sessions
from issuer.store import LinkPartner
from tests.components import needs
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.flow import Flow
from tests.issuer.portal.applicant import Portal
from tests.issuer.portal.test_tracking import PASSPORT, YES, link, place_of
from tests.issuer.web.chromium import Place, opened
from tests.issuer.web.front import Front
from tests.issuer.web.test_browser import small_targets
from tests.issuer.web.test_mail_pages import dead
from tests.issuer.web.test_neighbour_pages import handed_in, hit, keep, linked
from tests.simulator import NOW

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
PAGES = ("/online", "/online/settings", "/mails", "/mails?state=sent", "/requests",
         "/requests?state=declined", "/requests/1", "/statistics", "/links",
         "/links/JPN", "/links/KOR", "/online/partners/1", "/passport-hits",
         "/passport-hits?closed=1", "/phones-waiting",
         "/applications/1/chip")  # fmt: skip
EMPTY = ("/online", "/mails", "/requests", "/statistics", "/links", "/passport-hits")


@pytest.fixture
def busy(prepared_small: Prepared) -> Front:
    """Somebody waits online, a mail is dead, a holder asks, JPN refuses, a hit."""
    portal = Portal.of(office_at(prepared_small))
    for email in ("bob@example.com", "twin@example.com"):
        applicant = portal.browser().sign_in(email)
        at = applicant.begin()
        applicant.fill(at)
        applicant.hand_in(at)
    flow = Flow(portal.back)
    case = flow.circulated()
    link(portal, case)
    ann = portal.browser().sign_in("ann@example.com")
    form = place_of(case, "/passport")
    ann.post(form, {**PASSPORT, **YES}, page=form)
    front = Front.of(portal.back)
    linked(front, flow)
    opener = front.person("AUS", roles=[]).number
    keep(front, LinkPartner(economy="AUS", destination="KOR", opened_by=opener,
                            opened_at=NOW, problem="service.unreachable",
                            problem_text="no connection within 10 s",
                            problem_since=NOW, failures=3,
                            next_at=NOW + timedelta(minutes=4)))  # fmt: skip
    handed_in(front)
    dead(front)
    hit(front)
    return front


def enter(place: Place) -> None:
    """Be signed in with every role, at the moment of the tests."""
    token = sessions.start(
        place.front.back.store, account_id=place.front.person("AUS").number,
        signed_in_at=NOW, state={}, browser="x", replaces=None, now=NOW,
    )  # fmt: skip
    place.page.context.add_cookies(
        [{"name": "abtc-session", "value": token, "url": place.origin}]
    )


def look(place: Place, paths: tuple[str, ...], width: int) -> None:
    for path in paths:
        place.go(path)
        assert place.accessibility() == [], path
        wide = place.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        assert small_targets(place) == [], path
    assert place.refused == []


@pytest.mark.parametrize(
    ("width", "scheme"), [(320, "dark"), (1280, "light")], ids=["phone", "desk"]
)
def test_every_page_is_accessible_and_fits(
    chromium: Browser, busy: Front, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    with opened(
        chromium, busy, time=lambda: NOW, viewport=size, color_scheme=scheme
    ) as place:
        enter(place)
        look(place, PAGES, width)


def test_pages_with_nothing_on_them_say_so(chromium: Browser, small: Front) -> None:
    size = {"width": 320, "height": 800}
    with opened(chromium, small, time=lambda: NOW, viewport=size) as place:
        enter(place)
        look(place, EMPTY, 320)


@pytest.fixture
def unscripted(chromium: Browser, busy: Front) -> Iterator[Place]:
    with opened(chromium, busy, time=lambda: NOW, java_script_enabled=False) as place:
        enter(place)
        yield place


def test_queues_are_worked_off_by_keyboard_without_scripts(unscripted: Place) -> None:
    """A mail, a request, a refused question and a hit."""
    page, keys = unscripted.page, unscripted.page.keyboard
    told = page.get_by_role("status").first
    unscripted.go("/mails")
    page.get_by_role("button", name="Try again mail").focus()
    keys.press("Enter")
    expect(told).to_contain_text("The mail waits again")
    unscripted.go("/requests/1")
    page.get_by_label("Answer to the holder").fill("Linked today.")
    page.get_by_label("Reason").focus()
    keys.type("the passport was shown")
    keys.press("Enter")
    expect(told).to_contain_text("The request is settled")
    unscripted.go("/links/JPN")
    page.get_by_label("Reason").focus()
    keys.type("the passport was corrected")
    keys.press("Enter")
    expect(told).to_contain_text("The next round sends it again")
    unscripted.go("/passport-hits")
    page.get_by_text("Close K7M2-9QXD").focus()
    keys.press("Enter")
    page.get_by_label("What was done").fill("handed to the police")
    page.get_by_label("Reason").focus()
    keys.type("called Japan")
    keys.press("Enter")
    expect(told).to_contain_text("The hit is closed at this end")
