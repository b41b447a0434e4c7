"""The web wallet answers an airline: real browser, real servers, real signatures."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Browser, Page, expect

import verifier
from examples.desk.book import Asked
from examples.desk.identity import make_trial
from examples.desk.questions import Purpose, Question
from examples.desk.sealed import AnswerKey
from issuer.installation import Desks
from issuer.plastic.codes import qr_image
from tests.components import needs
from tests.databases import Prepared
from tests.examples.desk_scene import SINGAPORE, DeskScene, serving_desk
from tests.issuer.back_office import office_at
from tests.issuer.web.chromium import launched, violations
from tests.simulator import NOW, PUBLISHED, World
from tests.wallet_api.scene import Scene, serving
from tests.wallet_api.test_entry_basis import DAY, Known, proves, trust_of
from tests.wallet_api.web.test_story import PHONE
from tests.wallet_api.web.test_wallet_browser import SMALL

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
PASSPORT = verifier.Passport(country="AUS", number="PA0000001")


@pytest.fixture(scope="module", name="browser")
def running() -> Iterator[Browser]:
    with launched() as found:
        yield found


@dataclass(slots=True, kw_only=True)
class Traveller:
    """A wallet with a card in a browser, and a desk that may ask it."""

    page: Page
    address: str
    scene: Scene
    desk: DeskScene
    known: Known
    asked_for: list[str]
    """Addresses that the page asked."""
    complaints: list[str]

    def asks(self, arrival: bool = True) -> Asked:
        question = Question(
            purpose=self.desk.purpose,
            destination=SINGAPORE,
            passport=PASSPORT,
            arrival=DAY if arrival else None,
        )
        return self.desk.desk.book.open(question, NOW)

    def open(self, asked: Asked) -> None:
        """Open the desk's link in this wallet, as a page on this phone would."""
        query = self.desk.desk.link(asked).partition("?")[2]
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#ask?{query}")

    def told_heading(self, text: str) -> None:
        expect(self.page.locator("h1")).to_have_text(text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def accessible(self) -> None:
        """No violation, nothing too small, nothing wider than the screen."""
        assert violations(self.page) == []
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert self.page.evaluate(SMALL) == []


@contextmanager
def travelling(
    browser: Browser,
    prepared: Prepared,
    purpose: Purpose = Purpose.JOURNEY,
    *,
    root: x509.Certificate | None = None,
    origins: tuple[str, ...] | None = None,
    locale: str = "en",
) -> Iterator[Traveller]:
    office = office_at(prepared, hosted=("AUS", "KOR", "SGP"))
    with serving_desk(purpose) as desk:
        folder = office.office.installation.folder
        vouching = (root or desk.root).public_bytes(Encoding.PEM)
        (folder / "desks.pem").write_bytes(vouching)
        desks = Desks(roots="desks.pem", origins=origins or (desk.desk.url,))
        with serving(Scene.of(office, desks=desks)) as scene:
            known = proves(scene, World().trust())
            known.trust = trust_of(
                scene, {}, {}, issued_at=NOW - PUBLISHED, exp=timedelta(days=7)
            )
            desk.desk.trust = lambda: known.trust
            context = browser.new_context(viewport=PHONE, locale=locale)
            page = context.new_page()
            asked_for: list[str] = []
            complaints: list[str] = []
            page.on("request", lambda request: asked_for.append(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            made = scene.offer(scene.cards.make("AUS", approved=["SGP"]))
            url = scene.office.office.installation.wallet.url
            page.goto(str(made.wallet_link))
            page.locator("input").fill(str(made.one_time_code))
            page.locator("form button[type=submit]").click()
            page.locator(".actions button").first.click()
            expect(page.locator("section.card")).to_be_visible()
            yield Traveller(
                page=page,
                address=f"{url}/wallet/",
                scene=scene,
                desk=desk,
                known=known,
                asked_for=asked_for,
                complaints=complaints,
            )
            context.close()


# The whole way


def test_a_holder_proves_a_journey_and_shares_nothing_else(
    browser: Browser, prepared_small: Prepared
) -> None:
    """From the desk's question to the line that its staff read."""
    with travelling(browser, prepared_small) as traveller:
        asked = traveller.asks()
        traveller.open(asked)
        traveller.told_heading("Example Air asks")
        main = traveller.page.locator("main")
        expect(main).to_contain_text(
            "Does your card give an entry basis for Singapore on 18 January 2030?"
        )
        expect(main.locator("ul.points li")).to_have_text(
            [
                "That your card gives an entry basis there on that day",
                "The last day of your stay",
                "A mark by which whoever has your passport can tell that it is the "
                "right one",
            ]
        )
        expect(main).to_contain_text("not who asks")
        traveller.accessible()
        assert asked.outcome is None, "nothing was said before the holder agreed"
        traveller.press("Share")
        traveller.told_heading("Shared")
        traveller.accessible()
        page = traveller.desk.page(asked)
        assert "ABTC gives an entry basis for Singapore for this passport." in page
        assert "A stay until" in page
        traveller.page.goto(f"{traveller.address}#/")
        traveller.page.get_by_role("link", name="Activity").click()
        row = traveller.page.locator("ul.rows li").first
        expect(row).to_contain_text("Entry basis proved")
        expect(row).to_contain_text("Example Air")
        assert traveller.complaints == []


def test_a_journey_is_answered_by_keyboard(
    browser: Browser, prepared_small: Prepared
) -> None:
    """Pasted, read, and shared without a pointer; every step has the focus.

    This desk takes encrypted answers alone.
    """
    with travelling(browser, prepared_small) as traveller:
        traveller.desk.desk.is_sealed = True
        asked, page = traveller.asks(), traveller.page
        page.get_by_role("link", name="Answer an airline or a hotel").focus()
        page.keyboard.press("Enter")
        traveller.told_heading("Answer an airline or a hotel")
        traveller.accessible()
        page.get_by_label("Link of the request").focus()
        page.keyboard.insert_text(traveller.desk.desk.link(asked))
        page.keyboard.press("Enter")
        traveller.told_heading("Example Air asks")
        expect(page.locator("h1")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Share", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        traveller.told_heading("Shared")
        assert asked.outcome is not None
        assert asked.outcome.reason == "gives"


def test_an_answer_that_cannot_be_encrypted_is_none(
    browser: Browser, prepared_small: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said before the holder is asked, and nothing goes out in clear."""
    with travelling(browser, prepared_small) as traveller:
        traveller.desk.desk.is_sealed = True
        asked = traveller.asks()
        traveller.open(asked)
        traveller.told_heading("Example Air asks")
        traveller.press("Do not share")
        traveller.told_heading("Not shared")
        assert asked.outcome is not None
        assert asked.outcome.reason == "wallet.access_denied"
        metadata = {"jwks": {"keys": [{"kty": "RSA", "alg": "RSA-OAEP", "kid": "1"}]}}
        monkeypatch.setattr(AnswerKey, "metadata", lambda _: metadata)
        asked = traveller.asks()
        traveller.open(asked)
        problem = traveller.page.locator(".problem")
        expect(problem).to_contain_text("It is not sent unencrypted instead.")
        traveller.accessible()
        assert asked.outcome is None
        place = f"{traveller.desk.desk.url}/response"
        assert traveller.asked_for.count(place) == 1, "the one that said no"


def test_the_code_on_a_desk_s_screen_is_read(
    browser: Browser, prepared_small: Prepared, tmp_path: Path
) -> None:
    """As a picture; what is no such code opens nothing."""
    with travelling(browser, prepared_small) as traveller:
        asked, page = traveller.asks(), traveller.page
        for name, text in (("menu", "https://menu.example/eat"),
                           ("desk", traveller.desk.desk.link(asked))):  # fmt: skip
            qr_image(text, module_pixels=6).save(tmp_path / f"{name}.png")
        page.goto(f"{traveller.address}#/scan")
        page.locator("input[type=file]").set_input_files(tmp_path / "menu.png")
        expect(page.locator("main")).to_contain_text("does not ask for your card")
        traveller.accessible()
        page.locator("input[type=file]").set_input_files(tmp_path / "desk.png")
        traveller.told_heading("Example Air asks")
        assert not [each for each in traveller.asked_for if "menu.example" in each]


def test_a_whole_card_is_shared_with_open_eyes(
    browser: Browser, prepared_small: Prepared
) -> None:
    """A card hides nothing, and its holder reads so before."""
    with travelling(browser, prepared_small, Purpose.AIRLINE) as traveller:
        asked = traveller.asks(arrival=False)
        traveller.open(asked)
        traveller.told_heading("Example Air asks")
        main = traveller.page.locator("main")
        expect(main).to_contain_text("A card hides nothing: they get all of it")
        traveller.accessible()
        traveller.press("Share")
        traveller.told_heading("Shared")
        assert "ABTC gives an entry basis for Singapore" in traveller.desk.page(asked)


# No


def test_a_holder_who_says_no_shares_nothing(
    browser: Browser, prepared_small: Prepared
) -> None:
    """And the issuer is not asked anything."""
    with travelling(browser, prepared_small) as traveller:
        asked = traveller.asks()
        traveller.open(asked)
        traveller.press("Do not share")
        traveller.told_heading("Not shared")
        assert asked.outcome is not None
        assert asked.outcome.reason == "wallet.access_denied"
        assert not [each for each in traveller.asked_for if "entry-basis" in each]


def test_a_card_that_gives_none_tells_the_desk_nothing(
    browser: Browser, prepared_small: Prepared
) -> None:
    """A no from the phone would tell what is on the card."""
    with travelling(browser, prepared_small) as traveller:
        traveller.known.trust = World().trust()  # of nobody's keys but the simulator's
        asked = traveller.asks()
        traveller.open(asked)
        traveller.press("Share")
        traveller.told_heading("Nothing was shared")
        traveller.accessible()
        assert asked.outcome is None


def test_w10_who_asks_must_be_proven(
    browser: Browser, prepared_small: Prepared
) -> None:
    """By a certificate that leads to a root which the wallet was given."""
    _, other = make_trial("Example Air", now=NOW)
    with travelling(browser, prepared_small, root=other) as traveller:
        asked = traveller.asks()
        traveller.open(asked)
        problem = traveller.page.locator(".problem")
        expect(problem).to_contain_text("It is not proven who asks")
        traveller.accessible()
        assert asked.outcome is None


def test_w11_a_stranger_makes_the_page_ask_nobody(
    browser: Browser, prepared_small: Prepared
) -> None:
    """Only desks that the operator names; the browser holds to it as well."""
    with travelling(
        browser, prepared_small, origins=("https://desk.example",)
    ) as traveller:
        asked = traveller.asks()
        traveller.open(asked)
        problem = traveller.page.locator(".problem")
        expect(problem).to_contain_text("does not answer at that address")
        place = traveller.desk.desk.url
        assert not [each for each in traveller.asked_for if each.startswith(place)]
        blocked = traveller.page.evaluate(
            "(place) => fetch(place, {method: 'POST', mode: 'no-cors'})"
            ".then(() => false, () => true)",
            f"{place}/response",
        )
        assert blocked is True


def test_a_request_that_is_over_says_so(
    browser: Browser, prepared_small: Prepared
) -> None:
    """Answered once, it is not there any more."""
    with travelling(browser, prepared_small) as traveller:
        asked = traveller.asks()
        traveller.open(asked)
        traveller.press("Share")
        traveller.told_heading("Shared")
        traveller.open(asked)
        problem = traveller.page.locator(".problem")
        expect(problem).to_contain_text("The request is over")


def test_without_network_it_says_what_works(
    browser: Browser, prepared_small: Prepared
) -> None:
    """At a border the code does."""
    with travelling(browser, prepared_small) as traveller:
        page, asked = traveller.page, traveller.asks()
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        page.context.set_offline(offline=True)
        page.wait_for_function("!navigator.onLine")
        page.get_by_role("link", name="Answer an airline or a hotel").click()
        expect(page.locator("main")).to_contain_text(
            "At a border your code works without it."
        )
        traveller.accessible()
        page.get_by_label("Link of the request").fill(traveller.desk.desk.link(asked))
        traveller.press("Continue")
        expect(page.locator(".problem")).to_contain_text("could not be reached")


@pytest.mark.parametrize("locale", ["ja", "ru", "th"])
def test_every_language_says_who_asks(
    browser: Browser, prepared_small: Prepared, locale: str
) -> None:
    """The name as the certificate has it, and the day as the language writes it."""
    with travelling(browser, prepared_small, locale=locale) as traveller:
        traveller.open(traveller.asks())
        expect(traveller.page.locator("h1")).to_contain_text("Example Air")
        expect(traveller.page.locator("main")).to_contain_text(re.compile(r"2030"))
        traveller.accessible()
