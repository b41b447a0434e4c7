"""One traveller from application to renewal, through the pages, and at a border.

Two officers of KOR, an officer of JPN, and a device of JPN that only has what was
published.  Time is the test's own.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, expect

import verifier
from issuer import sessions
from issuer.demo import pictures
from issuer.documents import scheme_document
from issuer.installation import Installation
from issuer.jws import BORDER, key_binding
from issuer.publication import open_publisher
from tests.components import needs
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.card_builder import phone
from tests.issuer.web.chromium import Place, opened
from tests.issuer.web.front import Front, PersonWithPhone
from tests.simulator import NOW, fixed_key
from verifier.scan import read_codes

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
HOSTED = ("KOR", "JPN")
TRAVELLER = {
    "person.family_name": "Kim",
    "person.given_name": "Minji",
    "person.birthdate": "1984-05-17",
    "person.nationality": "KOR",
    "passport.country": "KOR",
    "passport.number": "M12345678",
    "passport.issued_on": "2028-01-01",
    "passport.expires_on": "2038-01-01",
}


@pytest.fixture
def front(prepared_small: Prepared, tmp_path: Path) -> Front:
    """An empty office of two economies that publishes to a folder."""
    made = Front.of(office_at(prepared_small, hosted=HOSTED))
    office = made.back.office
    office.publish_passphrase = lambda _: b"quiet river"
    office.installation = Installation(folder=tmp_path)
    (tmp_path / "keys/publish").mkdir(parents=True, mode=0o700)
    publisher = open_publisher(office)
    publisher.init(scheme_document(office.packaged_scheme, issued_at=NOW), now=NOW)
    for code in HOSTED:
        publisher.add_economy(code, now=NOW)
    return made


@dataclass(slots=True, kw_only=True)
class Story:
    """The pages, who sits in front of them, and the device at the border."""

    place: Place
    device: verifier.TrustStore
    people: dict[str, PersonWithPhone] = field(default_factory=dict)

    @property
    def front(self) -> Front:
        return self.place.front

    def sit_down(self, who: str) -> None:
        """Let somebody sit down at the browser: ``ann`` of KOR is ``KOR ann``."""
        if who not in self.people:
            self.people[who] = self.front.person(who[:3], login=who[4:])
        now = self.front.clock.now
        token = sessions.start(
            self.front.back.store, account_id=self.people[who].number,
            signed_in_at=now, state={}, browser="", replaces=None, now=now,
        )  # fmt: skip
        self.place.page.context.add_cookies(
            [{"name": "abtc-session", "value": token, "url": self.place.origin}]
        )
        self.place.go("/")

    def follow(self, name: str) -> None:
        self.place.page.get_by_role("link", name=name, exact=True).first.click()

    def press(self, name: str) -> None:
        self.place.page.get_by_role("button", name=name, exact=True).click()

    def open_case(self) -> None:
        self.follow("Applications")
        self.place.page.locator("tbody th a").first.click()

    def told_heading(self, text: str) -> None:
        expect(self.place.page.get_by_role("heading", level=1)).to_have_text(text)

    def told(self, text: str) -> None:
        expect(
            self.place.page.get_by_role("status").filter(has_text=text)
        ).to_be_visible()

    @property
    def headline(self) -> Locator:
        return self.place.page.locator(".headline")


@pytest.fixture
def story(chromium: Browser, front: Front, tmp_path: Path) -> Iterator[Story]:
    folder = tmp_path / "device"
    folder.mkdir()
    look = {"viewport": {"width": 1280, "height": 900}}
    with opened(chromium, front, time=front.clock, **look) as place:
        yield Story(place=place, device=verifier.TrustStore(folder))
        assert place.refused == []


def test_one_traveller_from_application_to_renewal(story: Story) -> None:
    apply(story)
    review(story)
    decide(story, "Approve")
    plastic = issue_plastic(story)
    app = issue_app(story)
    publish(story, "JPN ike")
    publish(story, "KOR eve")
    assert at_the_border(story, plastic) == "entry.cleared"
    assert at_the_border(story, shown(story, app)) == "entry.cleared"

    decide(story, "Withdraw")
    assert at_the_border(story, plastic) == "entry.cleared"  # not published yet
    publish(story, "JPN ike")
    assert at_the_border(story, plastic) == "entry.withdrawn"

    newer = link_passport(story)
    publish(story, "KOR eve")
    assert at_the_border(story, plastic) == "status.superseded"
    assert at_the_border(story, shown(story, app)) == "status.superseded"
    assert at_the_border(story, shown(story, newer)) == "entry.not_cleared"

    lost = lose_plastic(story)
    publish(story, "KOR eve")
    assert at_the_border(story, lost) == "status.revoked"
    renew(story)


def at_the_border(story: Story, code: str) -> str:
    """Sync the device, show it a code; how one may enter, or why not."""
    now = story.front.clock.now
    public = story.front.back.office.installation.folder / "public"
    root = (public / "metadata/1.root.json").read_bytes()
    story.device.sync(public, root=root, now=now, economy="JPN")
    decision = verifier.verify(
        code,
        trust=story.device.load(),
        policy=verifier.Policy(economy="JPN"),
        expected_passport=None,
        expected_challenge=None,
        now=now,
    )
    match decision:
        case verifier.Accepted():
            assert decision.entitlement.lane.answer != "no"
            return str(decision.entitlement.entry.reason)
        case _:
            return str(decision.reason)


def shown(story: Story, text: str) -> str:
    """The code that the phone shows now."""
    now = story.front.clock.now
    proof = key_binding(text, fixed_key("phone"), iat=now, audience=BORDER, nonce=None)
    return verifier.pack(text + proof)


def apply(story: Story) -> None:
    """Type, compare, enter, add what is seen and signed on the card, submit."""
    page = story.place.page
    story.sit_down("KOR ann")
    story.follow("Applications")
    story.follow("New application")
    for name, value in TRAVELLER.items():
        page.locator(f"[name='{name}']").fill(value)
    page.locator("[name='person.sex']").select_option("F")
    story.press("Check")
    expect(page.locator(".machine")).to_contain_text("KIM")
    story.press("Enter the application")
    story.told("entered as a draft")
    for kind, content in (
        ("portrait", pictures.portrait(3)),
        ("signature", pictures.signature(3)),
    ):
        page.get_by_text("Add a document", exact=True).click()
        page.get_by_label("What it shows").select_option(kind)
        page.get_by_label("File").set_input_files(
            FilePayload(name=f"{kind}.png", mimeType="image/png", buffer=content)
        )
        story.press("Add")
        story.told("The document was added.")
    story.press("Submit")
    expect(story.headline).to_contain_text("Submitted")


def review(story: Story) -> None:
    """Who entered it cannot approve it; another person does, stage by stage."""
    page = story.place.page
    story.press("Open the review")
    story.press("Pass this stage")
    expect(page.get_by_text("another person has to decide").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
    story.sit_down("KOR bob")
    story.open_case()
    expect(page.get_by_text("The stage ministry review is recorded")).to_be_visible()
    story.press("Pass this stage")
    story.told("The stage was passed.")
    expect(page.get_by_role("button", name="Pass this stage")).to_have_count(0)
    story.press("Approve")
    story.told("the card is active")
    story.press("Circulate")
    expect(story.headline).to_contain_text("Circulated")


def decide(story: Story, decision: str) -> None:
    """Decide for JPN, change one's mind once, and let the ten seconds pass."""
    page = story.place.page
    story.sit_down("JPN ike")
    story.follow("Incoming")
    if decision == "Withdraw":
        page.get_by_label("State").select_option("approved")
        story.press("Show")
    page.locator("tbody th a").first.click()
    button = page.locator("button[name=event]", has_text=decision).first
    button.click()
    story.press("Undo")
    story.told("nothing was sent")
    button.click()
    expect(page.get_by_text("not sent yet")).to_be_visible()
    story.front.clock.passes(seconds=11)
    story.follow("Incoming")
    expect(page.get_by_text("not sent yet")).to_have_count(0)


def issue_plastic(story: Story) -> str:
    """From the case to the card to the plastic; return the code on its reverse."""
    page = story.place.page
    story.sit_down("KOR bob")
    story.open_case()
    story.follow("Issue and manage the card")
    expect(page.get_by_role("status")).to_contain_text("You approved the application")
    expect(page.get_by_role("link", name="Make the plastic")).to_have_count(0)
    story.sit_down("KOR eve")
    story.open_case()
    expect(page.get_by_text("until 15 January 2035")).to_be_visible()
    story.follow("Issue and manage the card")
    expect(page.get_by_text("15 January 2035", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Report the plastic lost")).to_have_count(0)
    story.follow("Make the plastic")
    page.get_by_label("Interim").check()
    story.press("Make the plastic")
    story.told("waits to be printed")
    return code_of_plastic(story)


def code_of_plastic(story: Story) -> str:
    """Look at front and reverse, and read the code as a device does."""
    page = story.place.page
    page.get_by_role("link", name="front and reverse").first.click()
    expect(page.get_by_role("img", name="Front of the card")).to_be_visible()
    reverse = page.get_by_role("img", name="Reverse of the card").get_attribute("src")
    drawn = page.request.get(f"{story.place.origin}{reverse}").body()
    (code,) = read_codes(drawn)
    story.follow("To the card")
    return code


def issue_app(story: Story) -> str:
    """Sign for the phone's key; return the text that the phone takes."""
    page = story.place.page
    story.follow("Put the card into an app")
    page.locator("[name=key_text]").fill(json.dumps(phone()))
    story.press("Sign for this phone")
    story.told_heading("The card was signed for the phone.")
    return page.locator("kbd.secret").text_content() or ""


def publish(story: Story, who: str) -> None:
    story.front.clock.passes(minutes=5)
    story.sit_down(who)
    story.follow("Publication")
    story.press("Publish now")
    story.told("Published as version")


def link_passport(story: Story) -> str:
    """Link a new passport as it was shown before; return the phone's new text."""
    page = story.place.page
    story.front.clock.passes(days=1)
    story.sit_down("KOR eve")
    story.follow("Cards")
    page.get_by_label("Passport number").fill(TRAVELLER["passport.number"])
    story.press("Find")
    page.locator("tbody th a").first.click()
    story.follow("Re-issue: begin with why")
    page.get_by_role("link", name="New passport").click()
    page.get_by_label("Passport of").fill("KOR")
    page.get_by_label("Passport number").fill("M87654321")
    page.get_by_label("Issued on").fill("2030-01-10")
    page.get_by_label("Last day").fill("2040-01-09")
    story.press("Show what it does")
    expect(page.get_by_text("make another from the card's page")).to_be_visible()
    story.press("Link this passport")  # the browser asks for the word
    page.get_by_label("Type LINK 1 to confirm").fill("LINK 1")
    story.press("Link this passport")
    story.told_heading("The passport is linked")
    text = page.locator("kbd.secret").text_content() or ""
    story.follow("To the card")
    return text


def lose_plastic(story: Story) -> str:
    """Make plastic for the new passport, and lose it; return the code on it."""
    page = story.place.page
    story.sit_down("KOR eve")
    story.place.go("/cards/1")
    story.follow("Make the plastic")
    page.get_by_label("Interim").check()
    story.press("Make the plastic")
    code = code_of_plastic(story)
    story.follow("Report the plastic lost")
    page.get_by_label("Type LOST 1 to confirm").fill("LOST 1")
    story.press("Report it lost")
    story.told("The plastic has ended; the card goes on.")
    expect(page.get_by_role("link", name="Report the plastic lost")).to_have_count(0)
    waiting = page.locator(".badge", has_text="To be printed")
    expect(waiting).to_have_count(0)
    expect(story.headline).to_contain_text("Active")
    return code


def renew(story: Story) -> None:
    """A renewal begins with the passport on file, and leads to the next case."""
    page = story.place.page
    story.front.clock.passes(days=365 * 4 + 280)
    story.sit_down("KOR ann")
    story.place.go("/cards/1")
    story.follow("Re-issue: begin with why")
    page.get_by_role("link", name="The card ends soon").click()
    expect(page.get_by_label("Passport number")).to_have_value("M87654321")
    page.get_by_label("Issued on").fill("2030-01-10")
    page.get_by_label("Type RENEW 1 to confirm").fill("RENEW 1")
    story.press("Open the application")
    story.told("is opened as a draft")
    expect(story.headline).to_contain_text("Draft")
    story.press("Submit")
    expect(page.get_by_role("link", name="Card 2")).to_be_visible()
    story.follow("card 1")
    expect(story.headline).to_contain_text("Active")
