"""The console in each of its languages, on a narrow screen."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.components import needs
from tests.soak import SOAK
from tests.verifier.console.conftest import Desk
from tests.verifier.console.web.site import Site, opened
from tests.verifier.test_guidance import OTHERS

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
NARROW: ViewportSize = {"width": 360, "height": 800}
SCREENS = ("home", "scan", "passport", "manual", "settings", "training", "trust",
           "selftest", "log", "challenge")  # fmt: skip
CHOOSE = """(tag) => {
  const kept = JSON.parse(localStorage.getItem("abtc-console"));
  kept.languages = { "": tag, "b-17": tag };
  localStorage.setItem("abtc-console", JSON.stringify(kept));
}"""
"""As a browser remembers in which language an officer reads."""
WIDE = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && !each.closest(".wide, .unseen, pre, svg"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module", name="site")
def page(browser: Browser, new_desk: Callable[[], Desk]) -> Iterator[Site]:
    with opened(browser, new_desk(), viewport=NARROW) as site:
        site.begin(imager="keyboard")
        yield site


LANGUAGES = OTHERS if SOAK else ("ru", "th", "vi")
"""The widest words, the tallest letters and the most marks show most; all of them in a
soak."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_fits_in_every_language(site: Site, language: str) -> None:
    """Words grow: nothing leaves the screen, and no text is missing."""
    site.page.evaluate(CHOOSE, language)
    site.page.reload()
    site.on("scan", "home", "challenge")
    for screen in SCREENS:
        site.go(screen)
        assert site.page.evaluate(WIDE) == [], screen
    assert site.page.locator("html").get_attribute("lang") == language
    assert site.complaints == []
