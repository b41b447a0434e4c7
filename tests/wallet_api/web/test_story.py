"""A holder's whole story: real browsers, the real server, and devices at borders.

The devices only have what was published.  Time is the test's own, for all of them.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Response,
    ViewportSize,
    expect,
)
from pytest_socket import enable_socket
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.serving import BaseWSGIServer, make_server

import verifier
from issuer import lifecycle
from issuer.documents import scheme_document
from issuer.errors import Conflict
from issuer.offers import OfferMade
from issuer.publication import open_publisher
from issuer.store import Card, Preclearance
from tests.codes import read_qr
from tests.components import needs
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.web.chromium import launched
from tests.simulator import NOW
from tests.wallet_api.scene import Clock, Handler, Scene
from verifier import scan
from wallet_api.app import make_app
from wallet_api.settings import Settings

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
HOSTED = ("AUS", "KOR", "SGP")
PHONE: ViewportSize = {"width": 390, "height": 844}
LAST_DAY = "10 January 2035"


@dataclass(slots=True)
class Running(Clock):
    """Time goes on by itself, as in the browsers."""

    began: float = field(default_factory=monotonic)

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=monotonic() - self.began)


@dataclass(slots=True, kw_only=True)
class Phone:
    """A browser of its own, with a wallet in it."""

    context: BrowserContext
    page: Page
    address: str
    complaints: list[str]
    asked: list[str]
    """Addresses, as its pages asked for them."""

    def open(self, link: str = "") -> None:
        self.page.goto(link or self.address)
        expect(self.page.locator("h1")).to_be_visible()

    def told_heading(self, text: str) -> None:
        expect(self.page.locator("h1")).to_have_text(text)

    def told(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def type_code(self, digits: str) -> None:
        self.page.get_by_label("Code of 6 digits").fill(digits)
        self.press("Continue")

    def take(self, link: str, one_time_code: str) -> None:
        """Open an offer, type its code, and say yes."""
        self.open(link)
        self.type_code(one_time_code)
        self.press("Yes, accept the card")
        self.told_heading("My card")
        self.settled()

    def update(self) -> None:
        self.settled()
        self.press("Update now")
        self.settled()

    def asks(self) -> set[str]:
        """What an update asks the card's issuer for."""
        self.settled()
        self.asked.clear()
        self.update()
        return {url.rpartition("/AUS/")[2] for url in self.asked if "/AUS/" in url} - {
            "token"
        }

    def online(self) -> None:
        """Give the network back, and wait until the wallet has asked what is new."""
        with self.page.expect_response("**/holder/card"):
            self.context.set_offline(offline=False)
        self.settled()

    def settled(self) -> None:
        """Wait until an update that was begun is over."""
        self.page.evaluate("navigator.locks.request('abtc-update', () => null)")

    @property
    def code(self) -> Locator:
        return self.page.locator("canvas[data-issued]")

    def shown(self) -> str:
        """What a device reads from the screen, once a code is on it."""
        again = self.page.get_by_role("button", name="Show code")
        if self.code.count() == 0:
            self.follow("Show code")
        elif again.is_visible():
            with self.renewed():
                again.click()
        expect(self.code).to_be_visible()
        (read,) = scan.read_codes(self.page.locator(".paper").screenshot())
        return read

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Wait for another code than the one of before."""
        before = self.code.get_attribute("data-issued") or ""
        yield
        expect(self.code).not_to_have_attribute("data-issued", before)

    def back(self) -> None:
        self.follow("My card")
        self.told_heading("My card")

    def reopened(self) -> None:
        """Close the page, and start the wallet anew."""
        self.page.close()
        self.page = self.context.new_page()
        self.open()

    def ready_offline(self) -> None:
        self.page.evaluate("navigator.serviceWorker.ready.then(() => null)")


@dataclass(slots=True, kw_only=True)
class Story:
    """An office that publishes, its wallet's server, phones, and devices."""

    scene: Scene
    browser: Browser
    folder: Path
    port: int = 0
    phones: list[Phone] = field(default_factory=list)
    _server: BaseWSGIServer | None = None
    _thread: threading.Thread | None = None

    # The server

    def start(self) -> None:
        """Serve, at the address of before if there was one."""
        self._server = make_server(
            "127.0.0.1", self.port, self._app, threaded=True, request_handler=Handler
        )
        self.port = self._server.port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None

    def _app(self, environ: Any, start_response: Any) -> Any:
        return self.scene.app(environ, start_response)

    # Phones

    def phone(self) -> Phone:
        """Give somebody a phone that never had a card."""
        context = self.browser.new_context(viewport=PHONE, locale="en")
        context.clock.install(time=self.scene.clock())
        complaints: list[str] = []
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text
            else None,
        )  # fmt: skip
        made = Phone(
            context=context,
            page=context.new_page(),
            address=f"http://127.0.0.1:{self.port}/wallet/",
            complaints=complaints,
            asked=asked,
        )
        self.phones.append(made)
        return made

    def passes(self, **time: float) -> None:
        """Let time pass, for the server and for every phone."""
        self.scene.clock.passes(**time)
        for phone in self.phones:
            phone.context.clock.fast_forward(
                int(timedelta(**time).total_seconds()) * 1000
            )

    # The office

    def publish(self, *economies: str) -> None:
        self.passes(minutes=5)
        for code in economies or HOSTED:
            self.scene.do("lists.publish", economy=code)

    def approve(self, card: int, destination: str) -> None:
        """Let a destination approve, as its officer does."""
        lane = self.scene.store.read(
            lambda session: session.scalars(
                select(Preclearance.id).where(
                    Preclearance.card_id == card,
                    Preclearance.destination == destination,
                )
            ).one()
        )
        self.scene.do(
            "incoming.decide", economy=destination, preclearance=lane, event="approve"
        )

    # Borders

    def at_the_border(
        self, code: str, *, of: str = "SGP", at: datetime | None = None
    ) -> str:
        """Show a device a code; how one may enter, or why not."""
        decision = verifier.verify(
            code,
            trust=self._device(of).load(),
            policy=verifier.Policy(economy=of),
            expected_passport=None,
            expected_challenge=None,
            now=at or self.scene.clock(),
        )
        match decision:
            case verifier.Accepted():
                return str(decision.entitlement.entry.reason)
            case _:
                return str(decision.reason)

    def sync(self) -> None:
        """Let the devices fetch what is published."""
        public = self.folder / "public"
        root = (public / "metadata/1.root.json").read_bytes()
        for of in HOSTED:
            self._device(of).sync(public, root=root, now=self.scene.clock(), economy=of)

    def _device(self, of: str) -> verifier.TrustStore:
        folder = self.folder / f"device-{of}"
        folder.mkdir(exist_ok=True)
        return verifier.TrustStore(folder)


@pytest.fixture(scope="module", name="browser")
def running() -> Iterator[Browser]:
    with launched() as found:
        yield found


def publishing(back: BackOffice, folder: Path) -> None:
    """Let an office publish to a folder."""
    office = back.office
    office.publish_passphrase = lambda _: b"quiet river"
    (folder / "keys/publish").mkdir(parents=True, mode=0o700)
    publisher = open_publisher(office)
    publisher.init(scheme_document(office.packaged_scheme, issued_at=NOW), now=NOW)
    for code in HOSTED:
        publisher.add_economy(code, now=NOW)


@pytest.fixture
def story(
    prepared_small: Prepared, tmp_path: Path, browser: Browser
) -> Iterator[Story]:
    enable_socket()
    scene = Scene.of(office_at(prepared_small, hosted=HOSTED))
    publishing(scene.office, tmp_path)
    told = Story(scene=scene, browser=browser, folder=tmp_path)
    told.start()
    at_its_address(told)
    yield told
    for phone in told.phones:
        phone.context.close()
        assert phone.complaints == []
    told.stop()


def at_its_address(story: Story) -> None:
    """Let the office know where its wallet is, and what time it is."""
    office = story.scene.office.office
    url = f"http://127.0.0.1:{story.port}"
    wallet = office.installation.wallet.model_copy(update={"url": url})
    office.installation = office.installation.model_copy(update={"wallet": wallet})
    story.scene.clock = Running()
    settings = Settings.of(
        office.installation, host="127.0.0.1", clock=story.scene.clock
    )
    story.scene.app = make_app(office, settings=settings)


def test_from_the_offer_to_the_next_phone(story: Story) -> None:
    card = story.scene.cards.make("AUS", approved=("SGP",), pending=("KOR",))
    old = story.phone()
    accept(old, story.scene.offer(card))
    story.publish()
    story.sync()
    without_network(story, old)
    approval_arrives(story, old, card)
    move(story, old)


def accept(phone: Phone, offer: OfferMade) -> None:
    """Open the link, type the code, see whose card it is, and say yes."""
    phone.open(offer.wallet_link)
    phone.told_heading("Type the one-time code")
    phone.told("The offer is from Australia.")
    phone.type_code(f"{offer.one_time_code[:3]} {offer.one_time_code[3:]}")
    phone.told_heading("Is this your card?")
    for text in ("Australia", "CITIZEN, JANE", "AUS •••• 001", LAST_DAY):
        phone.told(text)
    assert "PA0000001" not in phone.page.content()
    phone.press("Yes, accept the card")
    phone.told_heading("My card")
    phone.told("CITIZEN, JANE")
    phone.settled()
    phone.told("Your card number is AU")
    phone.press("I have read this")
    expect(phone.page.get_by_text("Your card number is")).to_have_count(0)
    phone.ready_offline()


def without_network(story: Story, phone: Phone) -> None:
    """With the server stopped, the wallet starts and its code is accepted."""
    story.stop()
    phone.context.set_offline(offline=True)
    phone.reopened()
    phone.told("No connection. Your code still works.")
    first = phone.shown()
    assert story.at_the_border(first) == "entry.cleared"
    assert story.at_the_border(first, of="KOR") == "entry.not_cleared"
    with phone.renewed():
        story.passes(seconds=11)
    second = phone.shown()
    assert second != first
    assert story.at_the_border(second) == "entry.cleared"
    later = story.scene.clock() + timedelta(minutes=2)
    assert story.at_the_border(second, at=later) == "proof.stale"
    story.start()
    phone.online()
    phone.back()


def approval_arrives(story: Story, phone: Phone, card: int) -> None:
    """The wallet tells it once, and from then the code says it by itself.

    The devices know nothing of it: nothing was published since.
    """
    story.approve(card, "KOR")
    assert story.at_the_border(phone.shown(), of="KOR") == "entry.not_cleared"
    phone.back()
    newest = {"holder/card", "nonce", "credential", "notification"}
    assert phone.asks() == newest
    phone.told("Korea: cleared")
    phone.press("I have read this")
    expect(phone.page.get_by_text("New answers")).to_have_count(0)
    assert story.at_the_border(phone.shown(), of="KOR") == "entry.cleared"
    phone.back()
    assert phone.asks() == {"holder/card"}, "it has the newest"


def move(story: Story, old: Phone) -> None:
    """The new phone reads the offer off the screen of the old one."""
    old.follow("My phones")
    old.follow("Move my card to another phone")
    old.press("Show the offer")
    number = old.page.locator(".number")
    expect(number).to_be_visible()
    picture = Image.open(BytesIO(old.page.locator(".paper").screenshot()))
    (link,) = read_qr(picture)
    one_time_code = (number.text_content() or "").replace(" ", "")
    old.context.set_offline(offline=True)
    new = story.phone()
    new.take(link, one_time_code)
    # Nobody has told the old phone yet, nor the devices.
    old.open()
    before = old.shown()
    assert story.at_the_border(before) == "entry.cleared"
    story.publish()
    story.sync()
    assert story.at_the_border(old.shown()) == "status.superseded"
    assert story.at_the_border(new.shown()) == "entry.cleared"
    assert story.at_the_border(new.shown(), of="KOR") == "entry.cleared"
    old.online()
    old.told("Card moved on 15 January 2030")
    expect(old.page.locator("canvas")).to_have_count(0)
    new.back()
    new.follow("My phones")
    new.told("This phonehas the card")
    new.told("Another phonehad the card before")


def test_w2_five_wrong_codes_end_an_offer(story: Story) -> None:
    """The right one is of no use then; a new offer is."""
    card = story.scene.cards.make("AUS")
    offer = story.scene.offer(card)
    wrong = f"{(int(offer.one_time_code) + 1) % 10**6:06}"
    phone = story.phone()
    phone.open(offer.wallet_link)
    for _ in range(5):
        refused(phone, wrong)
    refused(phone, offer.one_time_code)
    (row,) = story.scene.do("offer.list", card=card).offers
    assert (row.state, row.wrong_codes) == ("dead", 5)
    phone.press("Drop this offer")
    phone.told_heading("Get your card on this phone")
    phone.open(offer.wallet_link)
    phone.told("This is no longer there")
    again = story.scene.offer(card)
    phone.take(again.wallet_link, again.one_time_code)


def refused(phone: Phone, digits: str) -> None:
    with phone.page.expect_response("**/token") as answer:
        phone.type_code(digits)
    assert answer.value.status == 400
    phone.told("The code was not accepted")


def test_w3_an_offer_is_taken_once(story: Story) -> None:
    """Another phone gets nothing; the one that took it finds its card again."""
    offer = story.scene.offer(story.scene.cards.make("AUS"))
    phone, other = story.phone(), story.phone()
    other.open(offer.wallet_link)
    phone.take(offer.wallet_link, offer.one_time_code)
    refused(other, offer.one_time_code)
    third = story.phone()
    third.open(offer.wallet_link)
    third.told("This is no longer there")
    phone.page.goto("about:blank")
    phone.open(offer.wallet_link)
    phone.told_heading("My card")
    phone.told("CITIZEN, JANE")


def test_a_card_that_is_approved_later_comes_by_itself(story: Story) -> None:
    """Its last day is said by nobody yet, and the page may be closed meanwhile."""
    card = story.scene.cards.make("AUS", approved=("SGP",))
    whole = story.scene.cards.card(card)
    set_card(story, card, state=lifecycle.Card.PENDING_HOME, expires_at=None)
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.open(offer.wallet_link)
    phone.type_code(offer.one_time_code)
    phone.told("AUS •••• 001")
    expect(phone.page.get_by_text("Card ends")).to_have_count(0)
    assert "1970" not in phone.page.locator("main").inner_text()
    phone.press("Yes, accept the card")
    phone.told_heading("Your card is on its way")
    phone.reopened()
    phone.told_heading("Your card is on its way")
    set_card(story, card, state=whole.state, expires_at=whole.expires_at)
    phone.asked.clear()
    phone.press("Ask now")
    phone.told_heading("My card")
    phone.told(LAST_DAY)
    phone.update()
    asked = [url.rpartition("/")[2] for url in phone.asked]
    assert asked.count("notification") == 1
    assert "credential" not in asked, "it has the newest"


def set_card(story: Story, card: int, **changes: object) -> None:
    """Set what an officer's decision would."""

    def work(session: Session) -> None:
        row = session.get_one(Card, card)
        for name, value in changes.items():
            setattr(row, name, value)

    story.scene.store.write(work, now=story.scene.clock())


def test_a_card_whose_last_day_is_over_says_so(story: Story) -> None:
    ends = date(2030, 3, 1)
    card = story.scene.cards.make("AUS", passport_ends=ends)
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    phone.told("Your card ends on 1 March 2030")
    phone.follow("Check a trip")
    phone.press("Check")
    phone.told("until 1 March 2030")
    phone.back()
    story.passes(days=60)
    story.scene.do("card.expire_due")
    phone.update()
    phone.told("Your card ended on 1 March 2030")
    phone.follow("My phones")
    phone.told("This phonecard ended")


def test_a_lost_phone_is_suspended_from_any_other(story: Story) -> None:
    card = story.scene.cards.make("AUS", approved=("SGP",))
    offer = story.scene.offer(card)
    lost, other = story.phone(), story.phone()
    lost.take(offer.wallet_link, offer.one_time_code)
    story.publish()
    story.sync()
    lost.ready_offline()
    lost.context.set_offline(offline=True)
    assert story.at_the_border(lost.shown()) == "entry.cleared"
    (credential,) = story.scene.cards.credentials(card)
    other.open(other.address.replace("/wallet/", "/AUS/"))
    other.follow("My phone is lost or stolen")
    expect(other.page.get_by_label("Issuing economy")).to_have_value("AUS")
    other.page.get_by_label("Lost-phone code").fill(offer.lost_phone_code.lower())
    other.page.get_by_label("Card number").fill(credential.document_number)
    other.press("Suspend my card")
    other.told("Your card is suspended.")
    story.publish()
    story.sync()
    assert story.at_the_border(lost.shown()) == "status.suspended"
    lost.online()
    lost.back()
    lost.update()
    lost.told("Your card is suspended")


def at_counter(story: Story, phone: Phone) -> str:
    """Let a phone show its number, from the economy's own address."""
    phone.open(phone.address.replace("/wallet/", "/AUS/"))
    phone.follow("I am at a counter")
    expect(phone.page.get_by_label("Whose counter is it?")).to_have_value("AUS")
    phone.press("Show my number")
    return number_on(phone)


def number_on(phone: Phone) -> str:
    phone.told_heading("Read this number to the officer")
    shown = phone.page.locator(".number").text_content() or ""
    assert re.fullmatch(r"\d{4} \d{4}", shown)
    return shown


def activate(story: Story, card: int, number: str) -> None:
    story.scene.do("counter.activate", card=card, number=number)


def test_a_card_is_given_at_a_counter(story: Story) -> None:
    """A digit heard wrong finds no phone; a page that was closed shows its number."""
    card = story.scene.cards.make("AUS", approved=("SGP",))
    phone, other = story.phone(), story.phone()
    number, others = at_counter(story, phone), at_counter(story, other)
    assert number != others
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    with pytest.raises(Conflict, match=r"counter\.number"):
        activate(story, card, wrong)
    phone.reopened()
    assert number_on(phone) == number
    activate(story, card, number)
    phone.told_heading("Is this your card?")
    for text in ("Australia", "CITIZEN, JANE", "AUS •••• 001", LAST_DAY):
        phone.told(text)
    other.told_heading("Read this number to the officer")
    phone.press("Yes, accept the card")
    phone.told_heading("My card")
    phone.settled()
    story.publish()
    story.sync()
    assert story.at_the_border(phone.shown()) == "entry.cleared"
    other.press("Cancel")
    other.told_heading("Get your card on this phone")


def test_a_counter_that_is_out_of_reach_or_late_costs_nothing(story: Story) -> None:
    """Without network it waits; after its time it shows another number."""
    card = story.scene.cards.make("AUS")
    phone = story.phone()
    number = at_counter(story, phone)
    phone.context.set_offline(offline=True)
    phone.told("The service could not be reached")
    phone.context.set_offline(offline=False)
    expect(phone.page.locator(".problem")).to_have_count(0)
    story.passes(minutes=11)
    phone.told("This is no longer there")
    with pytest.raises(Conflict, match=r"counter\.unknown"):
        activate(story, card, number)
    phone.press("Show a new number")
    expect(phone.page.locator(".number")).not_to_have_text(number)
    again = number_on(phone)
    activate(story, card, again)
    phone.told_heading("Is this your card?")
    phone.press("No, not my card")
    phone.told_heading("Get your card on this phone")
    (row,) = story.scene.do("offer.list", card=card).offers
    assert row.at_counter


def test_a_holder_suspends_the_card_of_this_phone(story: Story) -> None:
    """Only by the word; the code is then refused, and no phone brings it back."""
    card = story.scene.cards.make("AUS", approved=("SGP",))
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    phone.follow("Suspend my card")
    word = phone.page.get_by_label("Type “suspend” to confirm")
    word.fill("suspended")
    phone.press("Suspend my card")
    phone.told_heading("Suspend my card")
    assert state_of(story, card) == "valid"
    phone.context.set_offline(offline=True)
    word.fill(" Suspend ")
    phone.press("Suspend my card")
    phone.told("The service could not be reached")
    expect(word).to_have_value(" Suspend ")
    phone.context.set_offline(offline=False)
    phone.press("Suspend my card")
    phone.told_heading("My card")
    phone.told("Your card is suspended")
    assert state_of(story, card) == "suspended"
    story.publish()
    story.sync()
    assert story.at_the_border(phone.shown()) == "status.suspended"
    phone.back()
    phone.follow("My phones")
    phone.told("This phonecard suspended")
    move = phone.page.get_by_role("link", name="Move my card to another phone")
    expect(move).to_have_count(0)
    (credential,) = story.scene.cards.credentials(card)
    story.scene.do("credential.restore", credential=credential.id, why="found",
                   who="bob")  # fmt: skip
    phone.back()
    phone.update()
    expect(phone.page.get_by_text("Your card is suspended")).to_have_count(0)


def state_of(story: Story, card: int) -> str:
    (credential,) = story.scene.cards.credentials(card)
    return str(credential.state)


def test_w3_a_stranger_who_took_the_offer_is_seen_and_removed(story: Story) -> None:
    """Before it has the card; and an offer can be taken back."""
    card = story.scene.cards.make("AUS")
    offer = story.scene.offer(card)
    phone, thief = story.phone(), story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    link, digits = offered(phone)
    thief.open(link)
    thief.type_code(digits)
    thief.told_heading("Is this your card?")
    phone.follow("My phones")
    phone.told("waits for the card")
    phone.press("Remove the other phone")
    expect(phone.page.get_by_text("waits for the card")).to_have_count(0)
    thief.press("Yes, accept the card")
    thief.told_heading("Is this your card?")
    expect(thief.page.locator(".problem")).to_be_visible()
    link, digits = offered(phone)
    phone.press("Cancel the offer")
    phone.told_heading("My phones")
    phone.back()
    phone.follow("Activity")
    done = phone.page.locator(".rows strong")
    made = "Offer for another phone made"
    expect(done).to_have_text([made, "Other phone removed", made])
    late = story.phone()
    late.open(link)
    late.told("This is no longer there")
    phone.back()
    phone.update()
    assert phone.asks() == {"holder/card"}


def offered(phone: Phone) -> tuple[str, str]:
    """Let a phone offer its card, and read what it shows."""
    phone.open()
    phone.follow("My phones")
    phone.follow("Move my card to another phone")
    return made_by(phone)


def made_by(phone: Phone) -> tuple[str, str]:
    def is_made(response: Response) -> bool:
        return response.url.endswith("/holder/move") and response.ok

    with phone.page.expect_response(is_made) as answer:
        phone.press("Show the offer")
    made = answer.value.json()
    return made["wallet_link"], made["tx_code"]


def test_a_saved_trip_is_compared_again_and_reminds(story: Story) -> None:
    """Saved and looked at without network; a withdrawal tells the holder at home."""
    card = story.scene.cards.make("AUS", approved=("SGP", "IDN"))
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    phone.ready_offline()
    phone.context.set_offline(offline=True)
    phone.follow("Check a trip")
    check_trip(phone, "IDN", "2030-03-01")
    phone.told("Your card has clearance for Indonesia.")
    phone.told("60 days · until 29 April 2030")
    phone.told("Source: guides")
    phone.press("Save this trip")
    check_trip(phone, "SGP", "2030-04-01")
    phone.press("Save this trip")
    both = ["Indonesia, 1 March 2030", "Singapore, 1 April 2030"]
    trips = phone.page.locator(".trip-line strong")
    # Listed is saved; a page that is closed before that may save nothing.
    expect(trips).to_have_text(both)
    phone.reopened()
    phone.follow("Check a trip")
    trips = phone.page.locator(".trip-line strong")
    expect(trips).to_have_text(both)
    phone.back()
    phone.online()
    withdraw(story, card, "SGP")
    phone.update()
    phone.told("Singapore, 1 April 2030Do not rely on your card for Singapore.")
    phone.page.get_by_role("link", name="Check a trip").first.click()
    remove = phone.page.get_by_role("button", name="Remove")
    remove.nth(1).click()
    expect(trips).to_have_text(["Indonesia, 1 March 2030"])
    phone.back()
    expect(phone.page.get_by_text("Do not rely")).to_have_count(0)


def check_trip(phone: Phone, code: str, day: str) -> None:
    phone.page.get_by_label("Where to").select_option(code)
    phone.page.get_by_label("Day of arrival").fill(day)
    phone.page.get_by_role("button", name="Check", exact=True).first.click()


def withdraw(story: Story, card: int, destination: str) -> None:
    lane = story.scene.store.read(
        lambda session: session.scalars(
            select(Preclearance.id).where(
                Preclearance.card_id == card, Preclearance.destination == destination
            )
        ).one()
    )
    story.scene.do("incoming.decide", economy=destination, preclearance=lane,
                   event="withdraw")  # fmt: skip


def test_a_passport_that_is_too_short_for_a_saved_trip_reminds(story: Story) -> None:
    card = story.scene.cards.make(
        "AUS", approved=("IDN",), passport_ends=date(2031, 1, 1)
    )
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    phone.follow("Check a trip")
    check_trip(phone, "IDN", "2030-08-01")
    phone.press("Save this trip")
    phone.back()
    phone.told("Indonesia, 1 August 2030Your passport does not last long enough")


def test_a_wrong_lost_phone_code_is_told(story: Story) -> None:
    """Nothing is said to be suspended that is not."""
    card = story.scene.cards.make("AUS")
    offer = story.scene.offer(card)
    phone, other = story.phone(), story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    phone.follow("My phones")
    phone.told_heading("My phones")
    number = (phone.page.locator(".panel dd").text_content() or "").lower()
    other.open(other.address.replace("/wallet/", "/AUS/"))
    other.follow("My phone is lost or stolen")
    code = other.page.get_by_label("Lost-phone code")
    code.fill("0000-0000-0000")
    other.page.get_by_label("Card number").fill(f"{number[:3]} {number[3:]}")
    other.press("Suspend my card")
    other.told("The card was not suspended")
    assert state_of(story, card) == "valid"
    code.fill(offer.lost_phone_code)
    other.press("Suspend my card")
    other.told("Your card is suspended.")
    expect(other.page.locator(".problem")).to_have_count(0)
    assert state_of(story, card) == "suspended"


def test_the_new_phone_says_how_the_card_comes_to_it(story: Story) -> None:
    phone = story.phone()
    phone.open()
    phone.follow("Move my card here")
    phone.told("choose Move my card to another phone")
    phone.told("Is that phone not at hand?")


def test_w15_a_card_that_was_moved_away_is_reported_from_the_old_phone(
    story: Story,
) -> None:
    """Its economy and number are known there; the code is on the holder's paper."""
    card = story.scene.cards.make("AUS", approved=("SGP",))
    offer = story.scene.offer(card)
    phone, thief = story.phone(), story.phone()
    phone.take(offer.wallet_link, offer.one_time_code)
    link, digits = offered(phone)
    thief.take(link, digits)
    phone.open()
    phone.told("If that was not you, tap Report.")
    phone.follow("Report")
    expect(phone.page.get_by_label("Issuing economy")).to_have_value("AUS")
    phone.page.get_by_label("Lost-phone code").fill(offer.lost_phone_code)
    phone.press("Suspend my card")
    phone.told("Your card is suspended.")
    thief.update()
    thief.told("Your card is suspended")


def test_the_old_phone_says_by_itself_that_the_card_has_moved(story: Story) -> None:
    """And an offer that nobody took in time is not left on its screen."""
    card = story.scene.cards.make("AUS")
    offer = story.scene.offer(card)
    old, new = story.phone(), story.phone()
    old.take(offer.wallet_link, offer.one_time_code)
    offered(old)
    story.passes(minutes=16)
    old.told("This is no longer there")
    expect(old.page.locator("canvas")).to_have_count(0)
    new.take(*made_by(old))
    story.passes(seconds=6)
    old.told_heading("Card moved")
    expect(old.page.locator("canvas")).to_have_count(0)


def test_the_server_may_stop_at_every_step(story: Story) -> None:
    """Each says that nothing is lost, and the same button goes on."""
    card = story.scene.cards.make("AUS")
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.open()
    phone.ready_offline()
    phone.page.get_by_label("Link of the offer").fill(offer.link)
    without_a_server(story, phone, "Continue")
    phone.told_heading("Type the one-time code")
    phone.page.get_by_label("Code of 6 digits").fill(offer.one_time_code)
    without_a_server(story, phone, "Continue")
    phone.told_heading("Is this your card?")
    story.stop()
    phone.page.reload()
    phone.told("The service could not be reached")
    story.start()
    phone.press("Try again")
    phone.told("CITIZEN, JANE")
    without_a_server(story, phone, "Yes, accept the card")
    phone.told_heading("My card")
    phone.told("CITIZEN, JANE")
    assert len(story.scene.cards.issues(card)) == 1


def without_a_server(story: Story, phone: Phone, button: str) -> None:
    story.stop()
    phone.press(button)
    phone.told("The service could not be reached")
    phone.told("Nothing is lost.")
    story.start()
    phone.press(button)


def test_ways_back_lead_on(story: Story) -> None:
    """A step that is over is not shown again, nor an offer opened twice."""
    card = story.scene.cards.make("AUS")
    offer = story.scene.offer(card)
    phone = story.phone()
    phone.open()
    phone.open(offer.wallet_link)
    phone.told_heading("Type the one-time code")
    phone.type_code(offer.one_time_code)
    phone.told_heading("Is this your card?")
    code = phone.page.url.replace("/preview/", "/code/")
    phone.page.evaluate("(url) => { location.href = url }", code)
    expect(phone.page).to_have_url(re.compile("#/preview/"))
    phone.told_heading("Is this your card?")
    phone.press("Yes, accept the card")
    phone.told_heading("My card")
    phone.settled()
    phone.page.evaluate("(url) => { location.href = url }", code)
    expect(phone.page).to_have_url(re.compile("#/home/"))
    phone.told_heading("My card")
    assert len(story.scene.cards.issues(card)) == 1
