"""Applying in a real browser: by keyboard, small and large, with axe looking on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from issuer import sessions
from issuer.portal.opening import PortalOpen, open_portal
from issuer.store import Mail
from tests.components import needs
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.portal import faces
from tests.issuer.portal.applicant import CONTACT, MRZ, Portal
from tests.issuer.web.chromium import Place, clock, opened
from tests.issuer.web.front import Front

pytestmark = [pytest.mark.enable_socket, needs("Chromium")]
ANN = "ann@example.com"


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at the pages for applicants, and what looks over their shoulder."""

    place: Place
    folder: Path

    @property
    def page(self) -> Any:
        return self.place.page

    def look(self, name: str) -> None:
        """Keep a picture; nothing may be wrong for axe, or wider than the screen."""
        self.page.screenshot(path=str(self.folder / f"{name}.png"), full_page=True)
        assert self.place.accessibility() == [], name
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth > innerWidth + 1"
        )
        assert not wide, name
        assert self.place.refused == []

    def code(self) -> str:
        def newest(session: Any) -> str:
            mails = session.scalars(select(Mail).order_by(Mail.id.desc())).all()
            return str(mails[0].words)

        return str(json.loads(self.place.front.back.store.read(newest))["code"])

    def sign_in(self) -> None:
        self.place.go("/apply/AUS/sign-in")
        self.page.get_by_label("E-mail address").fill(ANN)
        self.page.get_by_role("button", name="Send me a code").click()
        self.page.get_by_label("Code", exact=True).fill(self.code())
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_text(ANN)).to_be_visible()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()


@contextmanager
def visit(
    chromium: Browser, prepared: Prepared, folder: Path, **look: Any
) -> Iterator[Visit]:
    front = Front.of(office_at(prepared))
    open_portal(
        front.back.desk("AUS", now=clock()), PortalOpen(opens_at=None, closes_at=None)
    )
    with opened(chromium, front, **look) as place:
        yield Visit(place, folder)


LOOKS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 320, "height": 640}},
    "desktop": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    # At 200 %, a window of 1,280 pixels has room for 640.
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_from_the_address_to_handing_in(
    chromium: Browser, prepared_small: Prepared, tmp_path: Path, name: str
) -> None:
    """Every page on the way is clean for axe, at every size."""
    photo = tmp_path / "me.jpg"
    photo.write_bytes(faces.jpeg(faces.grey(faces.face())))
    with visit(chromium, prepared_small, tmp_path, **LOOKS[name]) as ann:
        page = ann.page
        ann.place.go("/apply/AUS/")
        ann.look("start")
        ann.sign_in()
        page.get_by_role("link", name="My applications").click()
        ann.look("none")
        ann.press("Begin an application")
        ann.press("Save and go on")
        expect(page.locator("#problems")).to_be_focused()
        ann.look("wrong")
        page.get_by_label("The two lines").fill(MRZ)
        expect(page.locator("#digits")).to_contain_text("Second line: check digit fits")
        ann.press("Fill in from the lines")
        expect(page.get_by_label("Passport number")).to_have_value("PA1234567")
        page.get_by_label("Issued on").fill("2024-01-01")
        ann.look("passport")
        ann.press("Save and go on")
        for label, field in (("Telephone", "phone"), ("Your position", "position"),
                             ("Employer or business", "employer")):  # fmt: skip
            page.get_by_label(label).fill(CONTACT[field])
        ann.look("contact")
        ann.press("Save and go on")
        ann.look("documents")
        ann.press("Save and go on")
        page.get_by_label("Photograph", exact=True).set_input_files(photo)
        ann.press("Add this photograph")
        expect(page.get_by_text("hardly any colour")).to_be_visible()
        ann.look("photo")
        ann.press("Save and go on")
        ann.look("declaration")
        ann.press("Save and go on")
        ann.look("payment")
        ann.press("Save and go on")
        ann.look("review")
        ann.press("Hand in")
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Your application is handed in")
        ann.look("done")
        page.get_by_role("link", name="To my applications").click()
        ann.look("applications")


def test_with_the_keyboard_alone_and_without_scripts(
    chromium: Browser, prepared_small: Prepared, tmp_path: Path
) -> None:
    with visit(chromium, prepared_small, tmp_path, java_script_enabled=False) as ann:
        page = ann.page
        ann.place.go("/apply/AUS/sign-in")
        page.get_by_label("E-mail address").focus()
        page.keyboard.type(ANN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Enter the code")
        page.get_by_label("Code", exact=True).focus()
        page.keyboard.type(ann.code())
        page.keyboard.press("Enter")
        page.get_by_role("link", name="My applications").press("Enter")
        page.get_by_role("button", name="Begin an application").press("Enter")
        page.get_by_label("Family name", exact=False).first.focus()
        for value in ("Doe", "Jane", "1984-05-17"):
            page.keyboard.type(value)
            page.keyboard.press("Tab")
        page.keyboard.type("F")
        page.get_by_role("button", name="Save and stop here").press("Enter")
        expect(page.get_by_text("Everything is saved")).to_be_visible()
        page.get_by_role("link", name="Go on").press("Enter")
        expect(page.locator("#given_name")).to_have_value("Jane")
        expect(page.locator("#sex")).to_have_value("F")


def test_staff_see_what_was_said_online(
    chromium: Browser, prepared_small: Prepared, tmp_path: Path
) -> None:
    """The case says that it came in online, and how the photograph measured."""
    portal = Portal.of(office_at(prepared_small))
    bob = portal.browser().sign_in("bob@example.com")
    at = bob.begin()
    bob.fill(at)
    bob.upload(at, "photo", faces.jpeg(faces.tilted(faces.face(), 12)), "me.jpg")
    bob.hand_in(at)
    twin = portal.browser().sign_in("twin@example.com")
    at = twin.begin()
    twin.fill(at)
    twin.hand_in(at)
    front = Front.of(portal.back)
    size = {"width": 1280, "height": 900}
    with opened(chromium, front, time=portal.clock, viewport=size) as place:
        who, now = front.person("AUS"), portal.clock.now
        token = sessions.start(
            front.back.store, account_id=who.number, signed_in_at=now, state={},
            browser="x", replaces=None, now=now,
        )  # fmt: skip
        place.page.context.add_cookies(
            [{"name": "abtc-session", "value": token, "url": place.origin}]
        )
        staff = Visit(place, tmp_path)
        place.go("/applications/1")
        expect(place.page.get_by_text("Applied online")).to_be_visible()
        expect(place.page.get_by_text("Tilt")).to_contain_text("Needs a look")
        staff.look("case")
        place.go("/online")
        staff.look("online")
        place.page.get_by_role("link", name="AUS-").click()
        expect(place.page.get_by_text("Is this the applicant?")).to_be_visible()
        staff.look("waiting")
