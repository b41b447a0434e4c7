"""Signing in with a real browser: by keyboard, by app, by passkey, without scripts."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from issuer.accounts import CreateAccount, FirstCode, create_account
from issuer.store import AccountKind, Role
from tests.components import needs
from tests.issuer.web.chromium import Place, clock, opened
from tests.issuer.web.front import PASSWORD, Front, PersonWithPhone
from tests.soak import rounds

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]


@pytest.fixture
def place(chromium: Browser, small: Front) -> Iterator[Place]:
    with opened(chromium, small) as found:
        yield found


@pytest.fixture
def unscripted(chromium: Browser, small: Front) -> Iterator[Place]:
    with opened(chromium, small, java_script_enabled=False) as found:
        yield found


def made(front: Front) -> FirstCode:
    desk = front.back.desk("AUS", roles={Role.ADMIN}, now=clock())
    given = CreateAccount(
        login="new.one", display_name="New One", kind=AccountKind.PERSON
    )
    return create_account(desk, given)


def begin(place: Place, who: PersonWithPhone) -> None:
    place.go("/sign-in")
    place.page.get_by_label("Login").fill(who.login)
    place.page.get_by_label("Password").fill(PASSWORD)
    place.page.get_by_role("button", name="Continue").click()


def finish(place: Place, who: PersonWithPhone, *, later: int = 0) -> None:
    code = who.code(clock() + timedelta(seconds=later))
    place.page.get_by_label("Code", exact=True).fill(code)
    place.page.get_by_role("button", name="Sign in").click()
    expect(place.page.get_by_role("heading", level=1)).to_contain_text("Good day")


def first(place: Place) -> FirstCode:
    given = made(place.front)
    place.go("/sign-in")
    place.page.get_by_role("link", name="I have a one-time code").click()
    place.page.get_by_label("Login").fill("new.one")
    place.page.get_by_label("One-time code").fill(given.code or "")
    place.page.get_by_label("New password").fill(PASSWORD)
    place.page.get_by_label("The same again").fill(PASSWORD)
    place.page.get_by_role("button", name="Continue").click()
    heading = place.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Set up your second step")
    return given


def test_password_and_app_without_javascript(unscripted: Place) -> None:
    """From the one-time code to the start page, and in again."""
    given = first(unscripted)
    page = unscripted.page
    page.get_by_text("I cannot scan it").click()
    secret = page.locator("kbd.secret").inner_text().replace(" ", "")
    who = PersonWithPhone(number=given.account, login="new.one", secret=secret)
    page.get_by_label("Code", exact=True).fill(who.code(clock()))
    page.get_by_role("button", name="Use the app").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Good day, New One")
    page.get_by_role("button", name="Sign out").click()
    begin(unscripted, who)
    finish(unscripted, who, later=30)
    assert unscripted.refused == []


def test_a_passkey_is_made_and_shown(place: Place) -> None:
    session = place.passkeys()
    given = first(place)
    page = place.page
    page.get_by_label("Name of the passkey").fill("my ring")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Good day, New One")
    page.get_by_role("button", name="Sign out").click()
    who = PersonWithPhone(number=given.account, login="new.one", secret="")
    begin(place, who)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Good day, New One")
    page.get_by_role("link", name="My account", exact=True).click()
    expect(page.get_by_text("Passkey: my ring")).to_be_visible()
    page.get_by_role("button", name="Remove the passkey my ring").click()
    expect(page.get_by_role("alert")).to_contain_text("before you remove this one")
    session.detach()
    assert place.refused == []


def test_a_passkey_without_verification_is_refused(place: Place) -> None:
    """A device that anybody could hold proves nobody."""
    place.passkeys(verifies=False)
    first(place)
    page = place.page
    page.get_by_label("Name of the passkey").fill("found on a train")
    page.get_by_role("button", name="Make a passkey").click()
    told = page.locator("form[data-passkey] [data-told]")
    expect(told).to_contain_text("Nothing was done")
    place.go("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_signing_in_by_keyboard_alone(place: Place) -> None:
    who = place.front.person()
    page, keys = place.page, place.page.keyboard
    place.go("/sign-in")
    assert page.evaluate("document.activeElement.name") == "login"
    keys.type(who.login)
    keys.press("Tab")
    keys.type("wrong")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.name") == "password":
            break
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    keys.type(who.code(clock()))
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Good day")
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("main")).to_be_focused()


PAGES = ("/", "/keyboard", "/account", "/account/password", "/account/factors",
         "/accounts", "/accounts/new", "/accounts/1", "/devices",
         "/nowhere")  # fmt: skip
EVERY_LOOK = ((1280, "light"), (400, "dark"), (1280, "dark"), (400, "light"))
LOOKS = EVERY_LOOK[: rounds(2, 4)]
"""Each width and each scheme; all of each in a soak."""


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_accessible_and_fit(
    chromium: Browser, small: Front, width: int, scheme: str
) -> None:
    """Axe finds nothing; no page is wider than the window; targets can be hit."""
    viewport = {"width": width, "height": 900}
    with opened(chromium, small, viewport=viewport, color_scheme=scheme) as place:
        who = place.front.person()
        place.go("/sign-in/first")
        assert place.accessibility() == []
        begin(place, who)
        assert place.accessibility() == []
        finish(place, who)
        for path in PAGES:
            place.go(path)
            assert place.accessibility() == [], path
            wide = place.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            assert small_targets(place) == [], path
        assert place.refused == []


def small_targets(place: Place) -> list[str]:
    """Buttons, fields and links outside running text that are under 44 pixels."""
    found: list[str] = place.page.evaluate(
        """() => [...document.querySelectorAll(
             'button, input:not([type=hidden]), select, nav.menu a, .button, td a')]
           .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.5)
           .map(e => e.outerHTML)"""
    )
    return found
