"""Cases in a real browser: by keyboard, without scripts, on a phone, in the dark."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from issuer import sessions
from issuer.store import Preclearance
from tests.components import needs
from tests.issuer.office.flow import Flow
from tests.issuer.web.chromium import Place, opened
from tests.issuer.web.front import Front, PersonWithPhone
from tests.issuer.web.test_application_pages import TYPED
from tests.simulator import NOW

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]


class Steps:
    """A clock that goes on by the same time with every request."""

    def __init__(self, seconds: float) -> None:
        self.now, self.step = NOW, timedelta(seconds=seconds)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


def enter(place: Place, who: PersonWithPhone) -> None:
    token = sessions.start(
        place.front.back.store, account_id=who.number, signed_in_at=NOW, state={},
        browser="", replaces=None, now=NOW,
    )  # fmt: skip
    place.page.context.add_cookies(
        [{"name": "abtc-session", "value": token, "url": place.origin}]
    )


def press_access_key(place: Place, key: str) -> None:
    """Press Alt and a key; without a window only the protocol can."""
    place.page.context.new_cdp_session(place.page).send(
        "Input.dispatchKeyEvent",
        {"type": "keyDown", "modifiers": 1, "key": key, "unmodifiedText": key,
         "text": key, "windowsVirtualKeyCode": ord(key.upper())},
    )  # fmt: skip


def test_an_application_is_entered_without_scripts(
    chromium: Browser, small: Front
) -> None:
    """Typed, compared with the passport, entered, submitted."""
    with opened(chromium, small, time=Steps(1), java_script_enabled=False) as place:
        enter(place, small.person())
        page = place.page
        place.go("/applications/new")
        for name, value in TYPED.items():
            entry = page.locator(f"[name='{name}']")
            if name == "person.sex":
                entry.select_option(value)
            else:
                entry.fill(value)
        page.locator("[name='person.birthdate']").press("Enter")
        expect(page).to_have_url(f"{place.origin}/applications/new")
        page.get_by_role("button", name="Check").click()
        page.get_by_label("I have compared these names").check()
        page.get_by_role("button", name="Enter the application").click()
        page.get_by_role("button", name="Submit", exact=True).click()
        expect(page.get_by_text("The application was submitted.")).to_be_visible()
        expect(page.locator(".headline")).to_contain_text("Submitted")
        assert place.refused == []


def test_a_decision_by_one_key_is_sent_by_the_page_itself(
    chromium: Browser, small: Front
) -> None:
    """One key decides and opens the next request; nobody has to come back to send."""
    flow = Flow(small.back)
    first, second = (flow.lane(flow.circulated(), "JPN").id for _ in range(2))
    with opened(chromium, small, time=Steps(9.8)) as place:
        enter(place, small.person("JPN"))
        page = place.page
        place.go(f"/incoming/{first}")
        press_access_key(place, "a")
        expect(page).to_have_url(f"{place.origin}/incoming/{second}?from=incoming")
        expect(page.locator("[data-told]")).to_contain_text("sent, or told")
        assert flow.row(Preclearance, first).state == "approved"
        assert flow.row(Preclearance, second).state == "pending"
        assert place.refused == []


def test_pages_of_cases_are_accessible_narrow_and_dark(
    chromium: Browser, small: Front
) -> None:
    flow = Flow(small.back)
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    bulk = flow.do("bulk.propose", action="preclearance.remind", filter={}).bulk
    home = ("/", "/applications", "/applications/new", f"/bulk/{bulk}", "/answers",
            f"/applications/{case.application}",
            "/bulk/new?action=incoming.decide")  # fmt: skip
    with opened(chromium, small, time=Steps(0.1)) as place:
        for who, paths in (
            (small.person("AUS"), home),
            (small.person("JPN"), ("/incoming", f"/incoming/{lane}")),
        ):
            enter(place, who)
            for path in paths:
                _look(place, path)
        assert place.refused == []


def _look(place: Place, path: str) -> None:
    for width, scheme in ((1280, "light"), (400, "dark")):
        place.page.set_viewport_size({"width": width, "height": 900})
        place.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        place.go(path)
        assert place.accessibility() == [], path
        wide = place.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
