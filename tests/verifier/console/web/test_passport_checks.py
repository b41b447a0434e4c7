"""The passport check in a real browser: beside the verdict, and in its place."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.components import needs
from tests.verifier.console.conftest import WORLD, Desk
from tests.verifier.console.test_passport_checks import Owners
from tests.verifier.console.web.site import TABLET, opened

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]


@pytest.fixture
def places(synced: Path, tmp_path: Path) -> tuple[Path, Path]:
    return synced, tmp_path


@pytest.mark.parametrize(
    ("status", "look", "words"),
    [
        ("VALID", "accepted", "In order, says Australia"),
        ("NO_ANSWER", "accepted", "Not checked: no answer"),
        ("NO_ANSWER", "by_hand", "Not checked: no answer"),
        ("STOLEN", "refused", "Reported stolen"),
        ("DATA_MISMATCH", "refused", "Other data in the register of Australia"),
    ],
)
def test_what_the_passports_economy_says_is_on_the_screen(
    browser: Browser, places: tuple[Path, Path], status: str, look: str, words: str
) -> None:
    """A problem takes the place of what was shown; all else stands beside it."""
    is_needed = look == "by_hand"
    desk = Desk(*places, passports=Owners(status), needs_passport_answer=is_needed)
    with opened(browser, desk, viewport=TABLET) as site:
        site.begin(imager="keyboard")
        site.scan(WORLD.show(WORLD.card()))
        if look == "accepted":
            site.on("compare")
            site.button("Matches").click()
        site.on("verdict")
        expect(site.page.locator(".passport-check")).to_contain_text(words)
        expect(site.page.locator(".band")).to_have_class(f"band look-{look}")
        if status == "STOLEN":
            expect(site.page.locator(".passport-check")).to_contain_text("+61 2")
        assert site.complaints == []
