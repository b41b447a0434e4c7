"""The menu: every page that somebody may open, under headings, by mouse and keys."""

from collections import Counter

import pytest
from playwright.sync_api import Browser, expect

from issuer.store import Role
from issuer.web.case_words import KEYS
from issuer.web.here import NAME
from tests.components import needs
from tests.issuer.web.chromium import opened
from tests.issuer.web.front import Front
from tests.issuer.web.test_browser import begin, finish, small_targets

EVERYWHERE = ("0",)
"""The page that lists the keys."""
DECIDING = (*KEYS.values(), "u", "x")
"""On the pages of requests, beside the menu."""


def test_no_access_key_has_two_meanings(small: Front) -> None:
    """A key that decides must not open a page instead."""
    menu = [entry.key for entry in small.app.extensions[NAME].menu]
    keys = Counter([*menu, *EVERYWHERE, *DECIDING])
    assert [key for key, count in keys.items() if count > 1] == []


def test_a_heading_stands_over_what_somebody_may_open(small: Front) -> None:
    intake = small.browser().enter(small.person(roles=[Role.INTAKE]))
    intake.get("/keyboard")
    assert '<span class="menu-name">Applicants</span>' in intake.page
    assert "Other economies</span>" not in intake.page
    nobody = small.browser().enter(small.person(roles=[]))
    nobody.get("/keyboard")
    assert '<span class="menu-name">You</span>' in nobody.page
    assert "Office</span>" not in nobody.page


@pytest.mark.enable_socket
@needs("Chromium")
@pytest.mark.parametrize("width", [320, 1280])
def test_whoever_has_every_role_finds_every_page(
    chromium: Browser, small: Front, width: int
) -> None:
    """Wide, it stands beside the page, a page a line; on a phone behind a button."""
    viewport = {"width": width, "height": 900}
    with opened(chromium, small, viewport=viewport) as place:
        who = place.front.person()
        begin(place, who)
        finish(place, who)
        page = place.page
        links = page.locator("nav.menu a")
        if width == 320:
            expect(links.first).to_be_hidden()
            page.locator("nav.menu summary").press("Enter")
        assert links.count() == len(small.app.extensions[NAME].menu)
        for link in links.all():
            expect(link).to_be_visible()
            box = link.bounding_box()
            assert box is not None
            assert box["height"] < 50, link.inner_text()
        assert place.accessibility() == []
        assert small_targets(place) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert place.refused == []
