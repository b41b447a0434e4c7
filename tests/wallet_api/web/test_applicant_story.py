"""An applicant's whole story: from what an economy asks to a green answer at a border.

Real browsers in front of the real servers of the back office and of the wallet, mail in
files, officers of two economies at their pages, and a device that only has what was
published.  Nobody opens an address that no page, mail or person has given them.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from pytest_socket import enable_socket

from issuer.mail_sending import send_due
from issuer.portal.opening import PortalOpen, open_portal
from tests.components import needs
from tests.databases import Prepared
from tests.issuer.back_office import SCHEME, office_at
from tests.issuer.office.flow import Flow
from tests.issuer.portal import faces
from tests.issuer.web.chromium import launched, served
from tests.issuer.web.front import PASSWORD, Front, PersonWithPhone
from tests.mrz_builder import build_td3
from tests.simulator import NOW
from tests.wallet_api.scene import Scene
from tests.wallet_api.web.test_story import HOSTED, Story, at_its_address, publishing

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
SMALL: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
ADDRESS = "jane@example.com"
MRZ = build_td3(
    country="AUS", number="PA1234567", family_name="DOE", given_name="JANE",
    nationality="AUS", birthdate="840517", sex="F", expiry="380101",
)  # fmt: skip
ASKED = SCHEME.destinations("AUS", "AUS", NOW)
ASKS = """
asked_documents = [
  { kind = "passport", text = "The page with your photograph.", %s },
  { kind = "employment", text = "A letter of your employer.", required = false, %s },
]
declaration = [ { version = "2030-1", text = "What I have entered is true.", %s } ]
fees = [ { kind = "application", amount = 150, currency = "AUD", %s } ]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """Somebody at a browser of their own."""

    page: Page
    origin: str
    look: Callable[[Page, str], None]

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"[name={name}]").first.fill(value)

    def on(self, heading: str | re.Pattern[str], *, look: str = "") -> None:
        """Be on a page of this heading; nothing of it is wider than the screen."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        self.look(self.page, look)

    def told(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Two offices under one roof, the wallet's server, and who comes to them."""

    story: Story
    browser: Browser
    front: Front
    origin: str
    folder: Path

    @contextmanager
    def somebody(self, size: ViewportSize) -> Iterator[Somebody]:
        context = self.browser.new_context(viewport=size, locale="en")
        complaints: list[str] = []
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text
            else None,
        )  # fmt: skip
        yield Somebody(page=context.new_page(), origin=self.origin, look=looked)
        context.close()
        assert complaints == []

    @contextmanager
    def officer(self, economy: str, login: str) -> Iterator[Somebody]:
        """An officer who has signed in with password and code."""
        who = self.front.person(economy, login=login)
        with self.somebody(DESK) as officer:
            officer.go("/sign-in")
            officer.fill(login=who.login, password=PASSWORD)
            officer.press("Continue")
            officer.fill(code=self._factor(who))
            officer.press("Sign in")
            officer.on(re.compile("^Good day"))
            yield officer

    def _factor(self, who: PersonWithPhone) -> str:
        return who.code(self.story.scene.clock())

    def mails(self) -> list[Any]:
        """Deliver what waits to files, and read them, the oldest first."""
        office = self.story.scene.office.office
        scheme = office.store.read(office.scheme)
        clock = self.story.scene.clock
        send_due(office.store, office.installation, scheme, clock=clock)
        folder = office.installation.path(office.installation.mail.folder)
        found = sorted(folder.rglob("*.eml"), key=lambda each: each.stat().st_mtime_ns)
        return [
            message_from_bytes(each.read_bytes(), policy=policy.default)
            for each in found
        ]

    def mail(self) -> tuple[str, str]:
        """Return subject and text of the newest mail to the applicant."""
        last = self.mails()[-1]
        assert last["To"] == ADDRESS
        return str(last["Subject"]), last.get_body().get_content()

    def number(self) -> str:
        """Return the number in the mail that says that something was handed in."""
        found = re.fullmatch("We have your application (\\S+)", self.mail()[0])
        assert found
        return found[1]


def looked(page: Page, name: str) -> None:
    """Nothing goes beyond the screen."""
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(wide) <= 1, page.url


@pytest.fixture(scope="module", name="browser")
def running() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def place(
    prepared_small: Prepared, tmp_path: Path, browser: Browser
) -> Iterator[Place]:
    enable_socket()
    scene = Scene.of(office_at(prepared_small, hosted=HOSTED))
    Flow(scene.office).configure("AUS", ASKS.strip())
    publishing(scene.office, tmp_path)
    story = Story(scene=scene, browser=browser, folder=tmp_path)
    story.start()
    at_its_address(story)
    front = Front.of(scene.office)
    clock = story.scene.clock
    open_portal(scene.desk(), PortalOpen(opens_at=None, closes_at=None))
    with served(front, clock) as (origin, _):
        yield Place(
            story=story, browser=browser, front=front, origin=origin, folder=tmp_path
        )
    for phone in story.phones:
        phone.context.close()
        assert phone.complaints == []
    story.stop()


def test_from_the_requirements_page_to_the_card_on_the_phone(place: Place) -> None:
    with place.somebody(SMALL) as jane:
        signs_in(place, jane)
        hands_in(place, jane)
        number = place.number()
        jane.follow("My cards")
        jane.on("Your applications and cards", look="track-handed-in")
        jane.told(f"Application {number}")
        jane.told("In review")
        with place.officer("AUS", "ada") as ada:
            decides(ada)
        assert place.mail()[0] == f"Your application {number} is approved"
        learns_of_the_card(place, jane, number)
        with place.officer("SGP", "sue") as sue:
            clears(place, sue)
        with place.officer("AUS", "ben") as ben:
            link, code = offers(ben)
        phone = place.story.phone()
        phone.take(link, code)
        sees_the_clearance(jane)
    place.story.publish()
    place.story.sync()
    assert place.story.at_the_border(phone.shown()) == "entry.cleared"
    assert place.story.at_the_border(phone.shown(), of="KOR") == "entry.not_cleared"


def signs_in(place: Place, jane: Somebody) -> None:
    """From what is asked to the pages of one's own."""
    jane.go("/apply/AUS/requirements")
    jane.on("What Australia asks of applicants", look="requirements")
    for text in ("The page with your photograph.", "150 AUD"):
        jane.told(text)
    jane.follow("Apply online")
    jane.on("Apply for an APEC Business Travel Card: Australia", look="start")
    jane.follow("Begin or go on")
    jane.on("Sign in with your e-mail", look="sign-in")
    jane.fill(email=ADDRESS)
    jane.press("Send me a code")
    jane.on("Enter the code", look="code")
    found = re.search("[0-9]{4} [0-9]{4}", place.mail()[1])
    assert found
    jane.fill(code=found[0])
    jane.press("Sign in")
    jane.on("My applications", look="signed-in")


def hands_in(place: Place, jane: Somebody) -> None:
    """Every step."""
    jane.press("Begin an application")
    jane.on("You and your passport", look="passport")
    jane.fill(passport_mrz=MRZ)
    jane.press("Fill in from the lines")
    expect(jane.page.locator("#passport_number")).to_have_value("PA1234567")
    jane.fill(passport_issued_on="2028-01-01")
    jane.look(jane.page, "passport-filled")
    jane.press("Save and go on")
    jane.on("How to reach you, and your work", look="contact")
    jane.fill(phone="+61 2 5550 1234", employer="Doe & Daughters", position="CEO")
    jane.press("Save and go on")
    jane.on("Documents", look="documents")
    jane.page.get_by_label("What it shows").select_option("passport")
    scan = place.folder / "passport.png"
    scan.write_bytes(faces.png(faces.face()))
    jane.page.locator("[name=content]").set_input_files(scan)
    jane.press("Save and go on")
    jane.on("A photograph of you", look="photo")
    photo = place.folder / "me.jpg"
    photo.write_bytes(faces.jpeg(faces.face()))
    jane.page.locator("[name=content]").set_input_files(photo)
    jane.press("Add this photograph")
    jane.told("Nothing was found that stands out.")
    jane.look(jane.page, "photo-added")
    jane.press("Save and go on")
    jane.on("Declaration", look="declaration")
    jane.page.get_by_label("I have read this and declare it.").check()
    jane.press("Save and go on")
    jane.on("Payment", look="payment")
    jane.fill(told="Bank of nowhere, transfer 17")
    jane.press("Save and go on")
    jane.on("Look through everything", look="review")
    jane.told("passport.png")
    jane.press("Hand in")
    jane.on("Your application is handed in", look="done")


def decides(ada: Somebody) -> None:
    """The home economy's first officer: the payment, the review, the circulation."""
    ada.look(ada.page, "officer-start")
    ada.follow("Applicants online")
    ada.on("Applicants online", look="officer-online")
    ada.page.locator("summary", has_text="Received").click()
    ada.fill(receipt="statement 4, line 2")
    ada.page.locator("details[open] [name=reason]").fill("the statement of today")
    ada.press("It was received")
    ada.told("The payment is recorded as received.")
    ada.page.locator("table a").first.click()
    ada.on("DOE, JANE", look="officer-case")
    for step in ("Open the review", "Pass this stage", "Approve", "Circulate"):
        ada.page.locator("[name=reason]").first.fill("everything is as it should be")
        ada.press(step)
        ada.on("DOE, JANE", look=f"officer-{step}")


def clears(place: Place, sue: Somebody) -> None:
    """A destination's officer approves, and it is sent once it is not taken back."""
    sue.look(sue.page, "destination-start")
    sue.follow("Incoming")
    sue.on("Incoming requests", look="destination-incoming")
    sue.page.get_by_role("link", name="DOE").click()
    sue.on("DOE, JANE", look="destination-case")
    sue.page.locator(".bar [name=reason]").fill("nothing is against it")
    sue.press("Approve")
    sue.look(sue.page, "destination-decided")
    place.story.passes(seconds=11)
    sue.follow("Start")
    sue.look(sue.page, "destination-sent")


def offers(ben: Somebody) -> tuple[str, str]:
    """Another officer offers the card; what to send and what to tell."""
    ben.follow("Applications")
    ben.on("Applications", look="officer2-applications")
    ben.page.locator("table a").first.click()
    ben.on("DOE, JANE")
    ben.follow("Card 1")
    ben.on("Card 1: DOE, JANE", look="officer2-card")
    ben.follow("On a phone")
    ben.on("Card 1 on a phone", look="officer2-phone")
    ben.press("Make the offer")
    ben.on(re.compile("^Offer"), look="officer2-offer")
    link, _, code, _ = ben.page.locator("kbd.secret").all_inner_texts()
    return link, code.replace(" ", "")


def learns_of_the_card(place: Place, jane: Somebody, number: str) -> None:
    """The applicant reads that it is approved, and how it comes to a phone."""
    jane.follow("My applications")
    jane.on("My applications")
    jane.follow("Show what happens next")
    jane.on(f"Application {number}", look="track-card-approved")
    jane.told("you do not have it yet")
    jane.told(f"0 of {len(ASKED)} economies have cleared it")
    jane.follow("See how it comes to a phone")
    expect(jane.page.get_by_role("link", name="I am at a counter")).to_be_visible()
    jane.look(jane.page, "wallet-of-economy")
    jane.page.go_back()
    jane.on(f"Application {number}")


def sees_the_clearance(jane: Somebody) -> None:
    """And that the card is on the phone."""
    jane.follow("My cards")
    jane.on("Your applications and cards", look="track")
    jane.told(f"1 of {len(ASKED)} economies have cleared it")
    jane.page.get_by_role("heading", level=2).get_by_role("link").click()
    jane.told("Cleared: Singapore")
    jane.told("You can travel with what is cleared.")
    jane.look(jane.page, "track-card")
