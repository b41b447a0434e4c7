"""An officer's shift in a real browser: each screen, each way in, each way to fail."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

import verifier
from tests.codes import read_qr
from tests.components import needs
from tests.mrz_builder import build_td3
from tests.verifier.console.conftest import WORLD, Desk
from tests.verifier.console.web.site import PHONE, SMALL, TABLET, Service, Site, opened
from verifier.console import training

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
CARD = WORLD.card()
REVOKED = "ABTC1:NOT A CARD"
WITHOUT_CAMERA = {"imager": "keyboard"}
FREE = ("home", "scan", "manual", "passport", "settings", "log", "trust", "selftest",
        "training", "challenge")  # fmt: skip
LARGE = "document.documentElement.style.fontSize = '200%'"
TARGETS = """(least) => [...document.querySelectorAll("a, button, select, summary,"
    + "input:not(.wedge, .file, [type=radio], [type=checkbox]), label:has(.file)")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }))
  .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
  .filter(([, box]) => box.width && Math.min(box.width, box.height) < least - 0.5)
  .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""
COVERED = """() => [...document.querySelectorAll("main button, main a")]
  .filter((each) => {
    if (!each.checkVisibility()) return false;
    each.scrollIntoView({ block: "center" });
    const { x, y, width, height } = each.getBoundingClientRect();
    const top = document.elementFromPoint(x + width / 2, y + height / 2);
    return !(each.contains(top) || top?.contains(each));
  }).map((each) => each.outerHTML.slice(0, 80))"""


def mrz(number: str = "PA1234567", **changes: Any) -> str:
    whole: dict[str, Any] = {
        "country": "AUS", "number": number, "family_name": "CITIZEN",
        "given_name": "JANE MARY", "nationality": "AUS", "birthdate": "800229",
        "sex": "F", "expiry": "340701", **changes,
    }  # fmt: skip
    return build_td3(**whole)


@pytest.fixture(scope="module", name="place")
def page(browser: Browser, new_desk: Callable[[], Desk]) -> Iterator[Site]:
    with opened(browser, new_desk(), viewport=PHONE) as site:
        site.begin(**WITHOUT_CAMERA)
        yield site


@pytest.fixture(name="site")
def again(place: Site) -> Iterator[Site]:
    """The one page, as at the start of a shift; each test scans a new proof."""
    place.page.keyboard.press("Escape")
    place.desk.wait(70)
    place.desk.session.touch()
    place.desk.session.unlock()
    place.on("scan", "home", "verdict", "compare", *FREE)
    place.go("home")
    place.go("scan")
    yield place
    assert place.complaints == []


def code(site: Site, **changes: Any) -> str:
    return WORLD.show(WORLD.card(**changes) if changes else CARD, at=site.desk.now)


def compared(site: Site) -> None:
    site.scan(code(site))
    site.on("compare")


def accepted(site: Site) -> None:
    compared(site)
    site.button("Matches").click()
    site.on("verdict")
    expect(site.page.locator(".word")).to_have_text("Accepted")


# From the scan to the next


def test_a_question_that_comes_after_its_screen_was_left_is_for_nobody(
    site: Site,
) -> None:
    """The next traveller's phone has not seen it, and shows its usual code."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    site.page.route("**/api/challenge", hold)
    with site.page.expect_request("**/api/challenge"):
        site.go("challenge")
    site.go("home")
    site.go("scan")
    with site.page.expect_response("**/api/challenge"):
        held.pop().continue_()
    site.page.unroute("**/api/challenge")
    compared(site)


def test_an_officer_compares_before_any_verdict_and_scans_the_next(site: Site) -> None:
    """Name, both answers, the last day, what to see, the data's age; then the next."""
    compared(site)
    for text in ("CITIZEN, JANE MARY", "29 Feb 1980", "AUS PA1234567", "A1234567"):
        expect(site.page.locator("main")).to_contain_text(text)
    assert site.page.locator(".band, .badges, .checks").count() == 0
    site.button("Matches").click()
    site.on("verdict")
    text = site.text
    for part in ("ACCEPTED", "Visa-free", "15 Mar 2030", "Open", "Still to see",
                 "Face", "entry.cleared", "Data as of", "1 hr old"):  # fmt: skip
        assert part in text, part
    expect(site.button("Scan next")).to_be_focused()
    site.button("Scan next").click()
    site.on("scan")
    assert "CITIZEN" not in site.page.content()


def test_what_does_not_match_is_red_and_nothing_personal_stays(site: Site) -> None:
    compared(site)
    site.button("Does not match").click()
    site.on("verdict")
    expect(site.page.locator(".word")).to_have_text("Do not accept")
    expect(site.page.locator(".found")).to_contain_text("officer.mismatch")
    assert "CITIZEN" not in site.page.content()


def test_rejected_and_undecided_go_straight_to_the_verdict(site: Site) -> None:
    site.scan(code(site)[:40])
    site.on("verdict")
    expect(site.page.locator(".word")).to_have_text("Not a live card")
    site.scan(WORLD.show(CARD, at=WORLD.now.replace(year=2029)))
    expect(site.page.locator(".word")).to_have_text("Check by hand")
    expect(site.page.locator(".check-doubt")).to_have_count(1)


def test_a_code_scanned_from_a_verdict_may_take_its_time(site: Site) -> None:
    """Meanwhile the old verdict is gone; the new one is not lost."""
    site.scan(code(site)[:40])
    site.on("verdict")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    site.page.route("**/api/check", hold)
    site.scan(code(site))
    site.on("scan")
    for route in held:
        route.continue_()
    site.page.unroute("**/api/check")
    site.on("compare")


def test_q6_a_code_shown_again_later_is_said_to_have_been_seen(site: Site) -> None:
    text = code(site)
    site.scan(text)
    site.on("compare")
    site.button("Matches").click()
    site.on("verdict")
    site.scan("https://example.org/menu")
    expect(site.page.locator(".found")).to_contain_text("card.foreign")
    site.desk.wait(20)
    site.scan(text)
    expect(site.page.locator(".found")).to_contain_text("proof.repeat")
    expect(site.page.locator(".advice")).to_contain_text("20 sec")


def test_a_passport_read_before_the_code_is_compared_and_then_forgotten(
    site: Site,
) -> None:
    site.go("passport")
    site.page.get_by_label("lines").fill(mrz().replace("<", "«").lower())
    site.button("Read").click()
    site.on("scan")
    expect(site.page.locator(".held")).to_contain_text("AUS PA1234567")
    compared(site)
    expect(site.page.locator(".notice.info")).to_contain_text("fits the card")
    site.button("Matches").click()
    site.on("verdict")
    site.button("Scan next").click()
    site.on("scan")
    expect(site.page.locator(".held")).to_be_empty()


def test_a_passport_typed_wrong_is_told_and_not_gone_on_without(site: Site) -> None:
    site.go("passport")
    site.page.get_by_label("lines").fill(mrz().replace("PA1234567", "PA1234568"))
    site.button("Read").click()
    expect(site.page.locator(".problem")).to_contain_text("passport.unreadable")
    site.on("passport")


def test_another_passport_is_red_with_the_letters_that_differ(site: Site) -> None:
    """Read by an imager while the card is compared; the code is not asked for again."""
    compared(site)
    site.scan(mrz("PA1234576"))
    site.on("verdict")
    expect(site.page.locator(".word")).to_have_text("Do not accept")
    expect(site.page.locator(".found")).to_contain_text("passport.mismatch")
    expect(site.page.locator(".person-passport mark")).to_have_text(["7", "6"])


def test_numbers_typed_by_hand_are_amber_at_best_and_grey_when_mistyped(
    site: Site,
) -> None:
    for number, word in (("PA1234567", "Check by hand"), ("L8989O2C36", "Not a live")):
        site.go("manual")
        site.page.get_by_label("Card issued by").select_option("AUS")
        site.page.get_by_label("Card number").fill("A1234567")
        site.page.get_by_label("Passport", exact=True).fill(number)
        site.button("Check").click()
        site.on("verdict")
        expect(site.page.locator(".word")).to_contain_text(word)
    expect(site.page.locator(".notice.warn")).to_contain_text("0 instead of O")


def test_what_is_typed_stays_when_the_service_says_how_it_is(site: Site) -> None:
    """Also where the officer came from a traveller's answer."""
    accepted(site)
    site.go("manual")
    site.page.get_by_label("Card issued by").select_option("AUS")
    site.page.get_by_label("Card number").fill("A1234567")
    with site.page.expect_response("**/api/state"):
        pass
    site.page.wait_for_timeout(100)
    expect(site.page.get_by_label("Card issued by")).to_have_value("AUS")
    expect(site.page.get_by_label("Card number")).to_have_value("A1234567")


def test_a_challenge_is_asked_by_a_code_on_the_screen(site: Site) -> None:
    """Only a proof with the question in it is accepted then."""
    site.go("challenge")
    expect(site.page.locator(".challenge-left")).to_contain_text("sec")
    picture = Image.open(io.BytesIO(site.page.locator(".paper").screenshot()))
    (shown,) = read_qr(picture)
    assert re.fullmatch("ABTCQ1:[A-Za-z0-9_-]{22}", shown)
    site.button("Scan the answer").click()
    site.on("scan")
    site.scan(code(site))
    site.on("verdict")
    expect(site.page.locator(".found")).to_contain_text("proof.challenge")
    site.button("Scan next").click()
    site.on("scan")
    with site.page.expect_response("**/api/challenge") as told:
        site.go("challenge")
    nonce = told.value.json()["text"].partition(":")[2]
    site.button("Scan the answer").click()
    site.on("scan")
    site.scan(WORLD.show(CARD, at=site.desk.now, nonce=nonce))
    site.on("compare")


def test_an_officer_decides_otherwise_and_says_why(site: Site) -> None:
    accepted(site)
    site.button("Decide otherwise").click()
    site.on("override")
    site.button("Record").click()
    expect(site.page.get_by_text("Choose a decision and a reason.")).to_be_visible()
    site.page.get_by_role("radio", name="Refer").check()
    site.page.get_by_label("Reason").select_option("supervisor")
    note = site.page.get_by_label("Note")
    note.fill("界" * 50)
    expect(note).to_have_value("界" * 40)  # the log takes 120 bytes
    note.fill("asked twice")
    with site.page.expect_request("**/override") as sent:
        site.button("Record").click()
    site.on("scan")
    told = sent.value.post_data_json
    assert told == {"decision": "refer", "reason": "supervisor", "note": "asked twice"}


def test_another_lane_is_never_one_touch_away(site: Site) -> None:
    chip = site.page.locator(".chip")
    chip.click()
    site.page.get_by_role("radio", name="Exit").check()
    site.button("Cancel").click()
    expect(chip).to_contain_text("Entry")
    chip.click()
    site.page.get_by_role("radio", name="Exit").check()
    site.page.get_by_role("dialog").get_by_role("button", name="Change").click()
    expect(chip).to_contain_text("Exit")
    shift = site.desk.session.shift
    assert shift
    assert shift.direction == "exit"


def test_entry_or_exit_can_be_read_whatever_the_lane_is_called(site: Site) -> None:
    """On the width of a phone the lane's name gives way, not the direction."""
    site.page.set_viewport_size({"width": 390, "height": 844})
    chip = site.page.locator(".chip")
    chip.locator("strong").evaluate("name => name.textContent = 'Terminal 1 lane 14'")
    is_cut = "span => span.scrollWidth > span.clientWidth"
    assert not chip.locator("span:not(.unseen)").evaluate(is_cut)
    inside = chip.locator("span:not(.unseen)").bounding_box()
    around = chip.bounding_box()
    assert inside
    assert around
    assert inside["x"] + inside["width"] <= around["x"] + around["width"]


# Imagers


def test_an_imager_that_plays_a_keyboard_presses_no_button(site: Site) -> None:
    """A code has spaces in it; on MATCHES each of them would be a yes."""
    compared(site)
    site.button("Matches").focus()
    for _ in range(3):
        site.page.keyboard.type("ABTC1:6BF   X 9 AAA ")
    site.page.keyboard.press("Enter")
    site.on("compare")
    assert site.page.locator(".band").count() == 0


def test_letters_that_come_without_keys_arrive_in_the_field(site: Site) -> None:
    field = site.page.locator("input.wedge")
    expect(field).to_be_focused()
    site.page.keyboard.insert_text(code(site))
    site.page.keyboard.press("Enter")
    site.on("compare")


def test_the_self_test_tells_a_wrong_keyboard_layout(site: Site) -> None:
    site.go("selftest")
    expect(site.page.locator(".tests li")).to_have_count(11)
    printed = training.self_test().text
    field = site.page.locator("input.wedge")
    for typed, said in (
        (printed, "Every letter arrived."),
        (printed.lower(), "Capitals arrive as small letters."),
        (printed.replace(":", "Ö"), "Some letters arrive as others."),
    ):
        field.focus()
        site.page.keyboard.insert_text(typed)
        site.page.keyboard.press("Enter")
        expect(site.page.get_by_text(said)).to_be_visible()
    picture = Image.open(io.BytesIO(site.page.locator(".paper").screenshot()))
    assert read_qr(picture) == [printed]


# Forgetting


@pytest.mark.parametrize("step", ["compare", "verdict"])
@pytest.mark.parametrize("way", ["lock", "background", "home"])
def test_an_answer_goes_when_nobody_looks(site: Site, way: str, step: str) -> None:
    """On lock, in the background, and where the officer goes elsewhere."""
    (compared if step == "compare" else accepted)(site)
    if way == "lock":
        site.button("Lock").click()
        site.on("locked")
        assert "CITIZEN" not in site.page.content()
        site.button("Unlock").click()
    elif way == "home":
        site.go("home")
    else:
        site.page.evaluate(
            """() => {
              Object.defineProperty(document, "visibilityState",
                { get: () => "hidden", configurable: true });
              document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
              delete document.visibilityState;
            }"""
        )
    site.on("scan", "home")
    assert "CITIZEN" not in site.page.content()
    assert site.page.locator(".band").count() == 0
    site.page.go_back()
    site.on("scan", "home")


def test_an_answer_ends_after_a_minute_and_a_touch_extends_it(
    browser: Browser, new_desk: Callable[[], Desk]
) -> None:
    """The last 20 s are counted; after three minutes nobody is named any more."""
    with opened(browser, new_desk(), viewport=PHONE) as site:
        site.page.clock.install()
        site.begin(**WITHOUT_CAMERA)
        accepted(site)
        left = site.page.locator(".countdown")
        site.wait(38)
        expect(left).to_be_hidden()
        site.wait(5)
        expect(left).to_contain_text("Closes in 1")
        for _ in range(4):
            site.page.locator(".advice").click()
            expect(left).to_be_hidden()
            site.wait(35)
        assert "CITIZEN" not in site.page.content()
        expect(site.page.get_by_text("hidden after 3 minutes")).to_be_visible()
        expect(site.page.locator(".word")).to_have_text("Accepted")
        site.wait(30)
        site.on("scan")


# What may fail


STEPS = ["scan", "compare", "verdict", "override"]
MATCHES = """[...document.querySelectorAll("button")]
  .find((each) => each.textContent === "Matches")?.click()"""
"""The page may notice by itself first: then there is no such button any more."""


@pytest.mark.parametrize("step", STEPS)
def test_a_service_that_stops_never_leaves_an_old_verdict(
    browser: Browser, new_desk: Callable[[], Desk], step: str
) -> None:
    """Nothing green and nobody's name is on the screen; then it goes on by itself."""
    with opened(browser, new_desk(), viewport=PHONE) as site:
        site.begin(**WITHOUT_CAMERA)
        if step != "scan":
            (compared if step == "compare" else accepted)(site)
        if step == "override":
            site.button("Decide otherwise").click()
        site.service.stop()
        if step == "scan":
            site.scan(code(site))
        elif step == "compare":
            site.page.evaluate(MATCHES)
        site.on("gone")
        assert site.page.locator(".band, .shape").count() == 0
        assert "CITIZEN" not in site.page.content()
        site.service.start()
        site.on("scan")
        assert site.page.locator(".band").count() == 0


def test_a_late_answer_is_nobodys(site: Site) -> None:
    """The officer has gone on; what comes then is not shown."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    site.page.route("**/api/check", hold)
    site.scan(code(site))
    site.page.wait_for_timeout(100)
    site.go("home")
    for route in held:
        route.continue_()
    site.page.unroute("**/api/check")
    site.page.wait_for_timeout(300)
    site.on("home")
    assert "CITIZEN" not in site.page.content()


@pytest.mark.parametrize("answered", ["{", '{"look": "accepted"', "", "500"])
def test_half_an_answer_is_no_answer(site: Site, answered: str) -> None:
    """Cut off in its middle, or an error: never a verdict."""
    status = 500 if answered == "500" else 200
    site.page.route(
        "**/api/check",
        lambda route: route.fulfill(
            status=status, body=answered, content_type="application/json"
        ),
        times=1,
    )
    site.scan(code(site))
    site.on("scan", "gone")
    site.on("scan")
    assert site.page.locator(".band").count() == 0


def test_two_browsers_at_once_are_one_too_many(
    browser: Browser, new_desk: Callable[[], Desk]
) -> None:
    """The second may take over; the first then shows nothing of its traveller."""
    with opened(browser, new_desk(), viewport=PHONE) as first:
        first.begin(**WITHOUT_CAMERA)
        accepted(first)
        context = browser.new_context(viewport=PHONE)
        second = Site(service=first.service, context=context, page=context.new_page())
        second.page.goto(f"{second.origin}/start?key={second.desk.keys[-1]}")
        second.on("elsewhere")
        assert second.accessibility() == []
        second.button("Take over").click()
        second.on("shift")
        first.on("elsewhere")
        assert "CITIZEN" not in first.page.content()
        context.close()


def test_without_whole_data_nothing_is_scanned(
    browser: Browser, tmp_path: Path
) -> None:
    """Its own screen, which says what to do; training still works."""
    with opened(browser, Desk(tmp_path / "none", tmp_path), viewport=PHONE) as site:
        site.begin(**WITHOUT_CAMERA)
        site.on("notready")
        assert site.accessibility() == []
        site.scan("ABTC1:0123456789")
        site.page.wait_for_timeout(100)
        assert site.page.locator(".band").count() == 0
        site.page.get_by_role("link", name="Training").click()
        site.on("training")


def test_c1_a_page_of_another_origin_can_do_nothing_here(
    place: Site, new_desk: Callable[[], Desk]
) -> None:
    """Neither ask, nor act, nor frame; the officer's shift goes on."""
    other = Service(new_desk())
    foreign = place.context.new_page()
    refused: list[str] = []
    foreign.on("console", lambda said: refused.append(said.text))
    try:
        foreign.goto(f"http://localhost:{other.port}/icon.svg")
        for host in ("127.0.0.1", "localhost"):
            address = f"http://{host}:{place.service.port}"
            for method, path in (("GET", "state"), ("DELETE", "shift"),
                                 ("POST", "check"), ("POST", "lock")):  # fmt: skip
                told = foreign.evaluate(FOREIGN, [f"{address}/api/{path}", method])
                assert told == "refused", (host, path)
        assert place.desk.session.shift
        assert not place.desk.session.is_locked
        foreign.goto(f"http://localhost:{other.port}/")
        foreign.set_content(f"<iframe src='{place.origin}/'></iframe>")
        foreign.wait_for_timeout(300)
        assert foreign.frames[-1].url.startswith("chrome-error:")
    finally:
        foreign.close()
        other.stop()


FOREIGN = """async ([url, method]) => {
  const how = { method, credentials: "include", mode: "cors" };
  if (method === "POST") {
    how.body = "{}";
    how.headers = { "Content-Type": "text/plain" };
  }
  try {
    return await (await fetch(url, how)).text();
  } catch {
    return "refused";
  }
}"""
MARKUP = "<img src=x onerror=alert(1)>"
HIDDEN = "CIT\u202eIZ\u200bEN"


def test_c2_q9_a_name_is_shown_as_text_without_controls(site: Site) -> None:
    """Whatever a card says, it is neither markup nor turns the line around."""
    answer: dict[str, Any] = {}

    def forged(route: Route) -> None:
        told = route.fetch().json()
        told["person"] |= {
            "family_name": HIDDEN, "given_name": MARKUP, "document_number": MARKUP,
            "nationality": MARKUP, "economy": MARKUP,
            "passport": {"country": MARKUP, "number": "P\u2066A1" + "a\u0301" * 2},
        }  # fmt: skip
        answer.update(told)
        route.fulfill(json=told)

    site.page.route("**/api/check", forged, times=1)
    site.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    compared(site)
    name = site.page.locator(".person-name dd").text_content()
    assert name == f"CITIZEN, {MARKUP}"
    site.button("Matches").click()
    site.on("verdict")
    assert site.page.locator("main img").count() == 0


def test_a_hostile_log_and_trust_list_are_shown_as_text(site: Site) -> None:
    for path, name in (("log", "log"), ("trust", "trust")):
        site.page.route(
            f"**/api/{path}", lambda route: route.fulfill(json=hostile()), times=1
        )
        site.go(name)
        site.page.wait_for_timeout(200)
        assert site.page.locator("main img, main script").count() == 0


def hostile() -> dict[str, Any]:
    """What either page could be told at worst."""
    period = {"from": None, "until": None}
    key = {"kid": MARKUP, "use": "card", "fingerprint": MARKUP, **period}
    return {
        "days": {MARKUP: {MARKUP: 1}}, "unsent": 1, "waiting": 0, "missed": 0,
        "problem": MARKUP, "on": True,
        "version": 1, "issued_at": "2030-01-01T00:00:00Z",
        "expires_at": "2031-01-01T00:00:00Z", "time_floor": "2030-01-01T00:00:00Z",
        "problems": [MARKUP], "without_keys": [MARKUP],
        "destination": {"economy": MARKUP, "rules": None},
        "issuers": [{"economy": MARKUP, "url": MARKUP, "test": False, "keys": [key],
                     "lists": []}],
    }  # fmt: skip


def test_the_page_asks_nobody_else(site: Site) -> None:
    """All that it needs came from the service on this device."""
    assert {url for url in site.asked if not url.startswith(site.origin)} == set()


# For everybody


LOOKS = [(PHONE, "light"), (TABLET, "dark"), (SMALL, "light")]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_screen_is_accessible_and_fits(
    browser: Browser, new_desk: Callable[[], Desk], size: Any, scheme: Any
) -> None:
    """On a phone, a tablet in the dark, and at 400 % zoom."""
    look = {"viewport": size, "color_scheme": scheme, "reduced_motion": "reduce"}
    with opened(browser, new_desk(), **look) as site:
        check(site, "shift")
        site.begin(**WITHOUT_CAMERA)
        for name in FREE:
            site.go(name)
            site.page.wait_for_load_state("networkidle")
            check(site, name)
        site.go("home")
        site.go("scan")
        compared(site)
        check(site, "compare")
        site.button("Read passport").click()
        check(site, "compare with a passport")
        site.button("Matches").click()
        site.on("verdict")
        check(site, "verdict")
        site.button("Decide otherwise").click()
        check(site, "override")
        site.page.locator(".chip").click()
        assert site.accessibility() == []
        site.page.keyboard.press("Escape")
        if site.page.locator(".top button:last-child").is_visible():
            site.button("Lock").click()
        site.on("locked")
        check(site, "locked")
        site.service.stop()
        site.on("gone")
        check(site, "gone")


def check(site: Site, name: str) -> None:
    wide = site.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, name
    assert site.page.evaluate(TARGETS, 44) == [], name
    assert site.accessibility() == [], name
    assert site.complaints == [], name


def test_letters_of_twice_the_size_lose_nothing(site: Site) -> None:
    """On a phone: nothing is cut off, and no button lies below another."""
    for name in ("home", "scan", "manual", "settings", "training"):
        site.go(name)
        enlarged(site, name)
    site.go("scan")
    compared(site)
    enlarged(site, "compare")
    site.button("Matches").click()
    site.on("verdict")
    enlarged(site, "verdict")


def enlarged(site: Site, name: str) -> None:
    site.page.evaluate(LARGE)
    try:
        wide = site.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, name
        assert site.page.evaluate(COVERED) == [], name
    finally:
        site.page.evaluate("document.documentElement.style.fontSize = ''")


def test_a_keyboard_alone_is_enough(
    browser: Browser, new_desk: Callable[[], Desk]
) -> None:
    """From the start of the shift over a verdict and home to the lock."""
    with opened(browser, new_desk(), viewport=PHONE) as site:
        keys = site.page.keyboard
        expect(site.page.get_by_label("Officer")).to_be_focused()
        keys.type("b-17")
        keys.press("Tab")
        keys.type("3")
        keys.press("Enter")
        site.on("scan")
        tab_to(site, "Type numbers")
        keys.press("Enter")
        site.on("manual")
        keys.press("A")
        for text in ("A1234567", "PA1234567"):
            keys.press("Tab")
            keys.type(text)
        keys.press("Enter")
        site.on("verdict")
        expect(site.button("Scan next")).to_be_focused()
        tab_to(site, "Decide otherwise")
        keys.press("Enter")
        site.on("override")
        tab_to(site, "Cancel")
        keys.press("Enter")
        site.on("verdict")
        keys.press("Enter")
        site.on("scan")
        tab_to(site, "Lock")
        keys.press("Enter")
        site.on("locked")
        tab_to(site, "Unlock")
        keys.press("Enter")
        site.on("scan")


def tab_to(site: Site, name: str) -> None:
    """Press Tab until something of this name has the focus, as it must be visible."""
    for _ in range(60):
        site.page.keyboard.press("Tab")
        said = site.page.evaluate(
            "document.activeElement.ariaLabel ?? document.activeElement.textContent"
        )
        if said and said.strip().startswith(name):
            return
    pytest.fail(f"no way to {name} by keyboard")


def test_an_officer_reads_in_the_language_that_was_chosen(site: Site) -> None:
    """It is remembered for the officer, and English where nothing was chosen."""
    there = verifier_languages(site)
    if "ja" not in there:
        pytest.skip("the pages are not translated yet")
    site.go("settings")
    site.page.get_by_label("Language").select_option("ja")
    expect(site.page.locator("html")).to_have_attribute("lang", "ja")
    site.page.reload()
    site.on("settings")
    expect(site.page.locator("html")).to_have_attribute("lang", "ja")
    site.page.locator("#language").select_option("en")
    expect(site.page.locator("html")).to_have_attribute("lang", "en")


def verifier_languages(site: Site) -> list[str]:
    told: list[str] = site.page.evaluate(
        "fetch('/api/state').then((told) => told.json()).then((told) => told.languages)"
    )
    return told


# Training


def test_a_new_officer_clears_the_first_ten_cards(site: Site) -> None:
    """Each says at once whether it was right, and why; all right passes."""
    site.go("training")
    site.button("Ten cards to begin with").click()
    right = [each.right[0] for each in training.first_course()]
    for number, action in enumerate(right, 1):
        expect(site.page.locator(".progress")).to_have_text(f"Card {number} of 10")
        site.page.locator(f".choice[data-act={action}]").click()
        expect(site.page.locator(".told")).to_contain_text("Right.")
        site.page.locator(".foot .main").click()
    expect(site.page.locator(".score")).to_have_text("10 of 10")
    expect(site.page.locator(".training-mark")).to_be_visible()
    site.button("All cards").click()


def test_a_wrong_choice_is_told_with_what_would_have_been_right(site: Site) -> None:
    site.go("training")
    site.button("Ten cards to begin with").click()
    first = training.first_course()[0]
    wrong = next(each for each in training.Action if each not in first.right)
    site.page.locator(f".choice[data-act={wrong}]").click()
    expect(site.page.locator(".told")).to_contain_text("Not right.")
    expect(site.page.locator(".told")).to_contain_text("Better:")
    site.button("Stop").click()


# Without staff


def test_a_kiosk_tells_a_traveller_no_more_than_where_to_go(
    browser: Browser, synced: Path, tmp_path: Path
) -> None:
    """Green goes after 5 s; anything else waits for an officer, who then sees why."""
    desk = Desk(synced, tmp_path, is_kiosk=True)
    with opened(browser, desk, viewport=TABLET) as site:
        site.page.clock.install()
        site.begin(**WITHOUT_CAMERA)
        site.on("kiosk")
        assert site.page.evaluate(TARGETS, 56) == []
        assert site.accessibility() == []
        site.scan(code(site))
        expect(site.page.locator(".word")).to_have_text("Please go on")
        assert "CITIZEN" not in site.page.content()
        site.wait(6)
        expect(site.page.locator(".word")).to_have_count(0)
        site.scan(WORLD.show(CARD, at=WORLD.now.replace(year=2029)))
        expect(site.page.locator(".word")).to_have_text("Please wait for an officer")
        assert "proof.stale" not in site.page.content()
        assert site.accessibility() == []
        site.wait(120)
        site.button("Officer").click()
        site.page.get_by_role("dialog").get_by_role("button", name="Officer").click()
        site.on("verdict")
        expect(site.page.locator(".found")).to_contain_text("proof.stale")


# The log


def test_the_log_shows_counts_and_gives_a_file(
    browser: Browser, synced: Path, tmp_path: Path
) -> None:
    log = verifier.ScanLog(tmp_path / "log", key=bytes(32))
    desk = Desk(synced, tmp_path / "home", log=log)
    desk.device.logbook.start()
    with (
        contextlib.closing(desk.device.logbook),
        opened(browser, desk, viewport=PHONE) as site,
    ):
        site.begin(**WITHOUT_CAMERA)
        accepted(site)
        site.go("log")
        expect(site.page.locator("table")).to_contain_text("entry.cleared")
        with site.page.expect_download() as kept:
            site.button("Save as a file").click()
        assert "entry.cleared" in Path(kept.value.path()).read_text("utf-8")
        assert site.accessibility() == []
