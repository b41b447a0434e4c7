"""Offices with pages, and people who use them without a browser.

ann = front.person("AUS")          # an account that can sign in
page = front.browser().sign_in(ann)
page.get("/accounts")
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import unescape
from itertools import count
from typing import Any

import pyotp
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from issuer import sessions
from issuer.installation import Web
from issuer.installation_key import InstallationKey
from issuer.store import Account, AccountKind, AccountRole, Role
from issuer.web import Settings, create_app
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW

PASSWORD = "seven grey herons wade"  # noqa: S105  # of nobody real
LIGHT = PasswordHasher(time_cost=2, memory_cost=2048, parallelism=1)
"""The real one is slow on purpose; `tests.issuer.test_passwords` is about that."""
_HASH = LIGHT.hash(PASSWORD)
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_NUMBERS = count(1)


@dataclass(slots=True)
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonWithPhone:
    """Somebody who can sign in."""

    number: int
    login: str
    secret: str

    def code(self, now: datetime) -> str:
        return pyotp.TOTP(self.secret).at(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """An office with pages."""

    back: BackOffice
    app: Flask
    settings: Settings
    clock: Clock

    @classmethod
    def of(cls, back: BackOffice, **web: Any) -> "Front":
        origin = web.pop("origin", None)
        clock = Clock()
        reached = Web(**web)
        scheme = "https" if reached.secure else "http"
        settings = Settings(
            web=reached,
            origin=origin or f"{scheme}://{reached.hosts[0]}",
            key=InstallationKey(b"k" * 32),
            clock=clock,
        )
        back.office.installation = back.office.installation.model_copy(
            update={"web": reached}
        )
        app = create_app(back.office, settings)
        return cls(back=back, app=app, settings=settings, clock=clock)

    def with_web(self, **web: Any) -> "Front":
        """The same office, reached in another way."""
        return replace(Front.of(self.back, **web), clock=self.clock)

    def person(
        self,
        economy: str = "AUS",
        *,
        roles: Iterable[Role] = tuple(Role),
        login: str | None = None,
    ) -> PersonWithPhone:
        """Make an account with a password and an authenticator app."""
        name = login or f"p{next(_NUMBERS)}"
        secret = pyotp.random_base32()

        def work(session: Session) -> int:
            account = Account(
                economy=economy,
                login=name,
                display_name=f"Person {name}",
                kind=AccountKind.PERSON,
                password_hash=_HASH,
                created_at=NOW,
            )
            session.add(account)
            session.flush()
            account.totp_secret = self.settings.key.seal(
                "totp", str(account.id), secret
            )
            session.add_all(
                AccountRole(account_id=account.id, role=role, given_at=NOW)
                for role in roles
            )
            return account.id

        number = self.back.store.write(work, now=NOW)
        return PersonWithPhone(number=number, login=name, secret=secret)

    def take_roles(self, who: PersonWithPhone) -> None:
        def work(session: Session) -> None:
            session.execute(
                delete(AccountRole).where(AccountRole.account_id == who.number)
            )

        self.back.store.write(work, now=NOW)

    def account(self, who: PersonWithPhone) -> Account:
        return self.back.store.read(
            lambda session: session.scalars(
                select(Account).where(Account.id == who.number)
            ).one()
        )

    def browser(self) -> "Browser":
        return Browser(front=self, client=self.app.test_client())


@dataclass(slots=True, kw_only=True)
class Browser:
    """A browser without a screen; it brings forms back as it got them."""

    front: Front
    client: FlaskClient
    page: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        return self.front.settings.origin

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._keep(self.client.get(path, base_url=self.base, **options))

    def post(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
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
        secure = self.front.settings.web.secure
        name = "__Host-abtc-session" if secure else "abtc-session"
        host = self.base.partition("//")[2]
        cookie = self.client.get_cookie(name, domain=host)
        return cookie.value if cookie else ""

    def password(self, who: PersonWithPhone, password: str = PASSWORD) -> TestResponse:
        return self.post(
            "/sign-in", {"login": who.login, "password": password}, page="/sign-in"
        )

    def sign_in(self, who: PersonWithPhone) -> "Browser":
        """Show password and code; the clock goes on, since a code is good once."""
        assert self.password(who).status_code == 303
        self.front.clock.passes(seconds=30)
        code = who.code(self.front.clock.now)
        answer = self.post("/sign-in/factor", {"code": code}, page="/sign-in/factor")
        assert answer.status_code == 303, self.page
        self.get("/account")
        return self

    def enter(self, who: PersonWithPhone) -> "Browser":
        """Be signed in, without going through the pages for it."""
        now = self.front.clock.now
        token = sessions.start(
            self.front.back.store,
            account_id=who.number,
            signed_in_at=now,
            state={},
            browser=self.client.environ_base.get("HTTP_USER_AGENT", ""),
            replaces=None,
            now=now,
        )
        self.client.set_cookie("abtc-session", token, domain="localhost")
        self.get("/keyboard")  # a short page, with the form that signs out
        return self

    def _keep(self, answer: TestResponse) -> TestResponse:
        answer.get_data()
        answer.close()
        if answer.mimetype == "text/html":
            self.page = answer.get_data(as_text=True)
        return answer
