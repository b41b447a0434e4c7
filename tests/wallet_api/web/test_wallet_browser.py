"""The web wallet in a real browser: what a holder sees without a server behind it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import verifier
from tests.components import needs
from tests.issuer.web.chromium import launched
from tests.simulator import NOW, World
from tests.soak import rounds
from tests.wallet_api.web.site import Site, opened
from verifier import scan

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
WORLD = World()
PHONE = {"width": 390, "height": 844}
TABLET = {"width": 820, "height": 1180}
SCREENS = ("home", "show", "economies", "trip", "passport", "devices", "move",
           "activity", "suspend")  # fmt: skip
FREE = ("start", "here", "counter", "lost", "settings", "help", "share")
SMALL = """[...document.querySelectorAll("a, button, input, select, summary")]
    .filter((each) => each.checkVisibility())
    .map((each) => [each.textContent, each.getBoundingClientRect()])
    .filter(([, box]) => box.width < 44 || box.height < 44)
    .map(([text]) => text)"""
FACTS: dict[str, Any] = {
    "issuer_name": "Australia",
    "holder": {"family_name": "CITIZEN", "given_name": "JANE MARY"},
    "passport": {"country": "AUS", "number_end": "567"},
    "expires_at": "2034-07-01T00:00:00Z",
    "credential": {"state": "valid", "since": "2030-01-01T00:00:00Z",
                   "is_newest": True},
    "economies": [
        {"code": code, "state": state, "since": "2030-01-02T00:00:00Z", "lane": True,
         "stay": {"value": 3, "unit": "months"}}
        for code, state in (("JPN", "cleared"), ("THA", "not_cleared"),
                            ("PNG", "waiting"), ("TWN", "withdrawn"))
    ],
}  # fmt: skip
TRIP = {"code": "THA", "day": "2030-03-01"}


@pytest.fixture(scope="module", name="browser")
def running() -> Iterator[Browser]:
    with launched() as found:
        yield found


def card(jwk: dict[str, str]) -> str:
    return WORLD.card(cnf={"jwk": jwk})


def scanned(site: Site) -> str:
    """What a device reads from the screen."""
    (code,) = scan.read_codes(site.page.locator(".paper").screenshot())
    return code


def made_at(site: Site) -> datetime:
    """When the code on the screen was made, as the page says."""
    said = site.page.locator("canvas[data-issued]").get_attribute("data-issued")
    assert said
    return datetime.fromtimestamp(int(said), UTC)


def hidden(site: Site) -> None:
    expect(site.page.get_by_text("The code is hidden.")).to_be_visible()
    picture = site.page.locator(".paper canvas").evaluate(
        "(each) => each.getContext('2d').getImageData(0, 0, each.width, each.height)"
        ".data.every((value) => value === 255)"
    )
    assert picture is True, "nothing of the code is left below"


LOOKS = [
    ({"width": 320, "height": 480}, "dark", "ru"), (TABLET, "light", "zh-TW"),
    (PHONE, "light", "en"), (PHONE, "dark", "th"),
]  # fmt: skip
"""The narrowest and the widest are enough to see most; all of them in a soak."""


@pytest.mark.parametrize(("look", "scheme", "locale"), LOOKS[: rounds(2, 4)])
def test_screens_are_accessible_and_fit(
    browser: Browser, look: dict[str, int], scheme: Any, locale: str
) -> None:
    """On a phone, a tablet, and a phone at twice the size of letters."""
    with opened(
        browser, now=NOW, viewport=look, color_scheme=scheme, locale=locale
    ) as site:
        for name in FREE:
            site.open(f"#/{name}")
            check(site, name)
        site.give_card(card, facts=FACTS, trips=[TRIP], news=["JPN"])
        site.open()
        expect(site.page.locator(".notice")).to_have_count(3)  # a trip, offline, news
        for name in SCREENS:
            site.follow(name)
            check(site, name)
        assert site.complaints == []


def check(site: Site, name: str) -> None:
    wide = site.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, name
    assert site.page.evaluate(SMALL) == [], name
    assert site.accessibility() == [], name


def test_the_code_on_the_screen_is_accepted(browser: Browser) -> None:
    """Photographed, it is what a border device takes, and after ten seconds another."""
    with opened(browser, now=NOW, viewport=PHONE, color_scheme="dark") as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.page.get_by_role("link", name="Show code").click()
        label = "Code shown, renews every 10 seconds"
        expect(site.page.get_by_role("img", name=label)).to_be_visible()
        first, began = scanned(site), made_at(site)
        assert isinstance(WORLD.verify(first, now=began), verifier.Accepted)
        site.page.clock.run_for(11_000)
        renewed(site, began)
        later = made_at(site)
        assert later - began >= timedelta(seconds=10)
        second = scanned(site)
        assert second != first
        assert isinstance(WORLD.verify(second, now=later), verifier.Accepted)


def renewed(site: Site, before: datetime) -> None:
    code = site.page.locator("canvas[data-issued]")
    old = str(int(before.timestamp()))
    expect(code).not_to_have_attribute("data-issued", old)


def test_the_code_hides_after_three_minutes_and_when_nobody_looks(
    browser: Browser,
) -> None:
    """One touch brings it back."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card)
        site.open()
        site.follow("show")
        again = site.page.get_by_role("button", name="Show code")
        expect(again).to_be_hidden()
        site.page.clock.run_for(175_000)
        expect(again).to_be_hidden()
        site.page.clock.run_for(6_000)
        hidden(site)
        again.click()
        expect(again).to_be_hidden()
        site.page.evaluate("dispatchEvent(new Event('blur'))")
        hidden(site)


def test_k5_a_page_that_slept_shows_no_old_code(browser: Browser) -> None:
    """Nothing is on the screen that a device would refuse as old."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card)
        site.open()
        site.follow("show")
        began = made_at(site)
        site.page.clock.fast_forward(120_000)
        renewed(site, began)
        now = began + timedelta(seconds=121)
        assert isinstance(WORLD.verify(scanned(site), now=now), verifier.Accepted)


@pytest.mark.parametrize(("off", "is_said"), [(10, False), (60, True), (-3600, True)])
def test_t1_a_wrong_clock_is_corrected_and_said_only_when_it_matters(
    browser: Browser, off: int, is_said: bool
) -> None:
    """Codes carry the server's time; the words about it say which that is."""
    truth = NOW + timedelta(seconds=off)
    said = {"Date": format_datetime(truth, usegmt=True)}
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.page.route("**/time", lambda route: route.fulfill(headers=said))
        site.open()
        site.give_card(card)
        site.open()
        site.page.wait_for_load_state("networkidle")
        site.follow("show")
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()
        assert abs(made_at(site) - truth) < timedelta(seconds=30 if is_said else 20)
        warning = site.page.get_by_text("The clock of this phone is wrong")
        assert warning.count() == is_said
        if is_said:
            expect(warning).to_contain_text(f"{truth:%H}:{truth:%M}")


def test_it_starts_and_shows_a_code_with_the_server_stopped(browser: Browser) -> None:
    """In a new page, in the language of before, and it says that it is offline."""
    with opened(browser, viewport=PHONE, locale="ko-KR") as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.ready_offline()
        site.stop()
        site.page.close()
        site.page = site.context.new_page()
        site.open()
        expect(site.page.get_by_text("연결되지 않았습니다")).to_be_visible()
        site.page.get_by_role("link", name="코드 표시").click()
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()


def test_w13_nothing_but_files_is_kept_for_offline_use(browser: Browser) -> None:
    """No answer of an issuer ever comes out of a cache."""
    with opened(browser, viewport=PHONE) as site:
        site.open()
        site.ready_offline()
        site.open()
        kept = site.page.evaluate(
            "caches.keys().then((names) => Promise.all(names.map(async (name) =>"
            " (await (await caches.open(name)).keys()).map(({url}) => url))))"
        )
        assert len(kept) == 1
        assert all(each.startswith(site.address) for each in kept[0])
        asked = site.files.asked.count("/time")
        site.open()
        site.page.wait_for_load_state("networkidle")
        assert site.files.asked.count("/time") > asked


def test_w11_an_offer_of_a_stranger_makes_the_phone_ask_nobody(
    browser: Browser,
) -> None:
    """The link is refused, and is not in the address any more."""
    with opened(browser, viewport=PHONE) as site:
        site.open()
        asked: list[str] = []
        site.page.on("request", lambda request: asked.append(request.url))
        link = "https%3A%2F%2Fevil.example%2FAUS%2Foffer%2F1"
        site.open(f"#offer?credential_offer_uri={link}")
        expect(
            site.page.get_by_text("This offer is for another wallet")
        ).to_be_visible()
        assert "offer" not in site.page.evaluate("location.hash")
        assert [url for url in asked if "evil" in url] == []


@pytest.mark.parametrize("pasted", ["", "hello", "openid-credential-offer://?x=1"])
def test_what_is_no_offer_is_said_to_be_none(browser: Browser, pasted: str) -> None:
    with opened(browser, viewport=PHONE) as site:
        site.open()
        site.page.get_by_label("Link of the offer").fill(pasted)
        site.page.get_by_role("button", name="Continue").click()
        expect(site.page.get_by_role("alert")).to_contain_text("not an offer of a card")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"signedOut": True}, "This phone is signed out"),
        ({"facts": FACTS, "news": ["JPN"]}, "Japan: cleared"),
        ({"facts": {**FACTS, "expires_at": "2030-01-02T00:00:00Z"}}, "ended on 1 Jan"),
        ({"facts": {**FACTS, "expires_at": "2030-03-02T00:00:00Z"}}, "ends on 1 March"),
        (
            {"facts": {**FACTS, "credential": {**FACTS["credential"],
                                               "state": "suspended"}}},
            "Your card is suspended",
        ),
        ({"step": "ended", "facts": FACTS}, "Card moved on 1 January 2030"),
        (
            {"step": "ended", "facts": {**FACTS, "credential": {
                **FACTS["credential"], "state": "revoked"}}},
            "This card was ended on 1 January 2030",
        ),
        ({"step": "offered", "offer": {"txCode": {"length": 6}}}, "Code of 6 digits"),
        ({"step": "waiting", "transaction": "t"}, "Australia is still preparing it"),
        ({"step": "counter", "counter": {"number": "12345674"}}, "1234 5674"),
    ],
)  # fmt: skip
def test_every_turn_of_a_card_has_its_words(
    browser: Browser, changes: Any, said: str
) -> None:
    """A page that is opened again goes on where the card is."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, **changes)
        site.open()
        expect(site.page.locator("main")).to_contain_text(said)
        assert "valid" not in site.page.locator("main").inner_text().lower()


def test_a_card_that_ended_shows_no_code_whatever_the_address_says(
    browser: Browser,
) -> None:
    """A way back leads to where the card is now."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, step="ended", facts=FACTS)
        site.open("#/show/card-1")
        expect(site.page.get_by_role("button", name="Remove")).to_be_visible()
        assert site.page.locator("canvas").count() == 0


def test_what_happens_in_one_page_shows_in_another(browser: Browser) -> None:
    """A code goes away with its card; what is being typed stays."""
    changed = "new BroadcastChannel('abtc-wallet').postMessage('changed')"
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.follow("show")
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()
        site.give_card(card, step="offered", offer={"txCode": {"length": 6}})
        site.page.evaluate(changed)
        code = site.page.get_by_label("Code of 6 digits")
        expect(code).to_be_visible()
        assert site.page.locator("canvas").count() == 0
        code.fill("123")
        site.page.evaluate(changed)
        site.page.clock.run_for(1_000)
        expect(code).to_have_value("123")


def test_cleared_storage_is_told_from_a_phone_that_never_had_a_card(
    browser: Browser,
) -> None:
    with opened(browser, viewport=PHONE) as site:
        site.open()
        title = site.page.get_by_text("This browser no longer has your card")
        expect(title).to_be_hidden()
        site.page.evaluate("localStorage.setItem('abtc-had-card', 'yes')")
        site.open()
        site.page.reload()
        expect(title).to_be_visible()


def test_w14_names_are_shown_as_text(browser: Browser) -> None:
    """Markup and controls in a name change nothing of the page."""
    name = {"family_name": "<img src=x onerror=alert(1)>\u202eLIVE", "given_name": ""}
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts={**FACTS, "holder": name})
        site.open()
        shown = site.page.locator(".card-name")
        expect(shown).to_have_text("<img src=x onerror=alert(1)>LIVE")
        assert site.page.locator(".card img").count() == 0


def test_everything_can_be_reached_by_keyboard(browser: Browser) -> None:
    """From the top to the code and back, with the heading read first on each screen."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        expect(site.page.locator("h1")).to_be_focused()
        site.page.keyboard.press("Tab")
        expect(site.page.get_by_role("link", name="Show code")).to_be_focused()
        site.page.keyboard.press("Enter")
        expect(site.page.locator("canvas[data-issued]")).to_be_visible()
        expect(site.page.locator("h1")).to_be_focused()


def test_the_language_can_be_changed_and_stays(browser: Browser) -> None:
    with opened(browser, viewport=PHONE) as site:
        site.open("#/settings")
        site.page.get_by_label("Language").select_option("ja")
        expect(site.page.locator("h1")).to_have_text("設定")
        assert site.page.evaluate("document.documentElement.lang") == "ja"
        site.page.reload()
        expect(site.page.locator("h1")).to_have_text("設定")


@pytest.mark.parametrize(("screen", "send"), [("counter", "Show my number"),
                                              ("lost", "Suspend my card")])  # fmt: skip
def test_nobody_sends_the_first_economy_of_a_list_by_mistake(
    browser: Browser, screen: str, send: str
) -> None:
    """It is chosen, or known from the address or the card."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        asked: list[str] = []
        site.page.on("request", lambda request: asked.append(request.method))
        site.open(f"#/{screen}")
        economy = site.page.locator("#economy")
        expect(economy).to_have_value("")
        site.page.get_by_role("button", name=send).click()
        expect(economy).to_be_focused()
        assert "POST" not in asked
        site.give_card(card, facts=FACTS)
        site.open()
        site.open(f"#/{screen}")
        expect(economy).to_have_value("AUS")


def test_an_answer_has_its_day_its_age_and_the_stay_in_its_own_unit(
    browser: Browser,
) -> None:
    """A stay where one may stay, and no more."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts=FACTS)
        site.open()
        site.follow("economies")
        rows = site.page.locator(".economies li")
        since = "since 2 January 2030 (13 days ago)"
        expect(rows.filter(has_text="Japan")).to_contain_text(
            f"{since} · ABTC lane · stay up to 3 months"
        )
        expect(rows.filter(has_text="Thailand")).not_to_contain_text("stay up to")


def test_the_code_comes_before_what_is_only_good_to_know(browser: Browser) -> None:
    """A holder at a border finds it on the first screen, whatever there is to tell."""
    with opened(browser, now=NOW, viewport=PHONE) as site:
        site.open()
        site.give_card(card, facts=FACTS, trips=[TRIP], news=["JPN"], isNumberNew=True)
        site.open()
        expect(site.page.locator(".notice")).to_have_count(4)
        button = site.page.get_by_role("link", name="Show code")
        expect(button).to_be_in_viewport(ratio=1)
