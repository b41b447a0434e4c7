"""People who apply, without a screen; they bring forms back as they got them.

portal = Portal.of(back)                     # AUS takes applications online
ann = portal.browser().sign_in("ann@example.com")
page = ann.get("/apply/AUS/applications")
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from issuer.installation import PortalSettings, Wallet, Web
from issuer.installation_key import InstallationKey
from issuer.mail import queue_mail
from issuer.operations import all_operations
from issuer.web import Settings, create_app
from tests.issuer.back_office import BackOffice
from tests.issuer.portal import faces
from tests.issuer.web.front import Clock
from tests.mrz_builder import build_td3

HOME = "/apply/AUS/"
MRZ = build_td3(
    country="AUS", number="PA1234567", family_name="DOE", given_name="JANE",
    nationality="AUS", birthdate="840517", sex="F", expiry="380101",
)  # fmt: skip
PASSPORT = {
    "family_name": "Doe", "given_name": "Jane", "birthdate": "1984-05-17", "sex": "F",
    "nationality": "AUS", "passport_country": "AUS", "passport_number": "PA1234567",
    "passport_issued_on": "2028-01-01", "passport_expires_on": "2038-01-01",
}  # fmt: skip
CONTACT = {"phone": "+61 2 5550 1234", "employer": "Doe & Daughters", "position": "CEO"}
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


@dataclass(slots=True)
class Letters:
    """Where mail goes in a test: to a list beside the outbox."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    def __call__(  # noqa: PLR0917  # as issuer.mail has it
        self,
        session: Session,
        economy: str,
        to: str | None,
        kind: str,
        words: Mapping[str, str | int],
        now: datetime,
        *,
        ends_at: datetime | None = None,
        once_key: str | None = None,
    ) -> bool:
        self.sent.append(
            {"economy": economy, "to": to, "kind": kind, "words": dict(words)}
        )
        return queue_mail(
            session, economy, to, kind, words, now, ends_at=ends_at, once_key=once_key
        )

    def code(self, to: str) -> str:
        (*_, last) = (each for each in self.sent if each["to"] == to)
        return str(last["words"]["code"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """An office with pages for applicants."""

    back: BackOffice
    app: Flask
    settings: Settings
    clock: Clock
    letters: Letters

    @classmethod
    def of(cls, back: BackOffice, *, opened: bool = True, **web: Any) -> "Portal":
        clock, letters = Clock(), Letters()
        reached = Web(**web)
        scheme = "https" if reached.secure else "http"
        settings = Settings(
            web=reached,
            origin=f"{scheme}://{reached.hosts[0]}",
            key=InstallationKey(b"k" * 32),
            clock=clock,
        )
        app = create_app(back.office, settings, mail=letters)
        portal = cls(
            back=back, app=app, settings=settings, clock=clock, letters=letters
        )
        if opened:
            portal.do("portal.open")
        return portal

    def do(self, name: str, *, who: str = "ann", **given: Any) -> Any:
        """Do something as an officer of AUS."""
        desk = self.back.desk("AUS", who=who, now=self.clock.now)
        return all_operations()[name].perform(desk, given)

    def let_phones_in(self) -> "Portal":
        """Let holders of AUS put their cards on phones themselves."""
        office = self.back.office
        wallet = Wallet(
            url="https://wallet.example", hosts=("wallet.example",), secure=True
        )
        settings = {"wallet": wallet, "portal": PortalSettings(phones=("AUS",))}
        office.installation = office.installation.model_copy(update=settings)
        return self

    def browser(self) -> "Browser":
        return Browser(portal=self, client=self.app.test_client())


@dataclass(slots=True, kw_only=True)
class Browser:
    """One applicant's browser."""

    portal: Portal
    client: FlaskClient
    page: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        return self.portal.settings.origin

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._keep(self.client.get(path, base_url=self.base, **options))

    def post(
        self,
        path: str,
        fields: dict[str, Any] | None = None,
        *,
        page: str | None = None,
        **options: Any,
    ) -> TestResponse:
        """Fill the form of a page; by default of the one that was seen last."""
        if page is not None:
            self.get(page)
        data = {"form_token": self.token, **(fields or {})}
        return self._keep(
            self.client.post(path, data=data, base_url=self.base, **options)
        )

    @property
    def token(self) -> str:
        found = _TOKEN.search(self.page)
        return unescape(found[1]) if found else ""

    @property
    def session(self) -> str:
        """The session's token, as the browser keeps it."""
        secure = self.portal.settings.web.secure
        name = "__Host-abtc-applicant" if secure else "abtc-applicant"
        cookie = self.client.get_cookie(name, domain=self.base.partition("//")[2])
        return cookie.value if cookie else ""

    def ask(self, email: str, *, home: str = HOME) -> TestResponse:
        return self.post(f"{home}sign-in", {"email": email}, page=f"{home}sign-in")

    def show(self, code: str, *, home: str = HOME) -> TestResponse:
        return self.post(f"{home}code", {"code": code}, page=f"{home}code")

    def sign_in(self, email: str = "ann@example.com") -> "Browser":
        assert self.ask(email).status_code == 303
        answer = self.show(self.portal.letters.code(email))
        assert answer.status_code == 303, self.page
        self.get(HOME)
        return self

    def begin(self) -> str:
        """Begin an application, and return where its steps are."""
        answer = self.post(f"{HOME}applications/new", page=f"{HOME}applications")
        assert answer.status_code == 303, self.page
        return answer.headers["Location"].rpartition("/")[0]

    def step(self, at: str, step: str, fields: dict[str, Any]) -> TestResponse:
        """Fill in a step, and go on."""
        return self.post(f"{at}/{step}", {"do": "next", **fields}, page=f"{at}/{step}")

    def upload(
        self, at: str, step: str, content: bytes, name: str, **fields: Any
    ) -> TestResponse:
        file = (io.BytesIO(content), name)
        given = {"do": "add", "content": file, **fields}
        return self.post(
            f"{at}/{step}", given, page=f"{at}/{step}",
            content_type="multipart/form-data",
        )  # fmt: skip

    def fill(self, at: str, **passport: str) -> None:
        """Fill in everything that is needed."""
        assert self.step(at, "passport", PASSPORT | passport).status_code == 303
        assert self.step(at, "contact", CONTACT).status_code == 303
        photo = faces.jpeg(faces.face())
        assert self.upload(at, "photo", photo, "me.jpg").status_code == 303

    def hand_in(self, at: str) -> TestResponse:
        return self.post(f"{at}/hand-in", page=f"{at}/review")

    def _keep(self, answer: TestResponse) -> TestResponse:
        answer.get_data()
        answer.close()
        if answer.mimetype == "text/html":
            self.page = answer.get_data(as_text=True)
        return answer
