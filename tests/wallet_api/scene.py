"""A wallet's server with cards in it, and phones that ask it as a wallet would.

scene = Scene.of(open_office(store, folder))
card = scene.cards.make("AUS")
phone = scene.phone()
phone.take(scene.offer(card))          # offer, token, nonce, credential
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from pytest_socket import enable_socket
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import TestResponse

from issuer.installation import Wallet
from issuer.installation_key import InstallationKey
from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    new_private_key,
    public_jwk,
    sign_es256,
)
from issuer.offers import OfferMade
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.store import Store
from tests.issuer.back_office import BackOffice
from tests.issuer.office.card_builder import CardBuilder
from tests.simulator import NOW, World
from wallet_api.app import make_app
from wallet_api.settings import Settings

URL = "http://localhost"
FORM = "application/x-www-form-urlencoded"
PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


@dataclass(slots=True)
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(slots=True, kw_only=True)
class Scene:
    """An office, the wallet's server in front of it, and a clock."""

    office: BackOffice
    app: Flask
    clock: Clock
    cards: CardBuilder

    @classmethod
    def of(cls, office: BackOffice, **settings: Any) -> "Scene":
        wallet = Wallet(url=URL, **settings)
        installation = office.office.installation
        office.office.installation = installation.model_copy(update={"wallet": wallet})
        clock = Clock()
        app = make_app(
            office.office,
            settings=Settings.of(
                office.office.installation, host="127.0.0.1", clock=clock
            ),
        )
        return cls(
            office=office, app=app, clock=clock, cards=CardBuilder(office=office)
        )

    @property
    def store(self) -> Store:
        return self.office.store

    def desk(self, economy: str = "AUS", who: str = "ann") -> Desk:
        return self.office.desk(economy, who=who, now=self.clock())

    def do(
        self, name: str, *, economy: str = "AUS", who: str = "ann", **given: Any
    ) -> Any:
        return all_operations()[name].perform(self.desk(economy, who), given)

    def offer(self, card: int, *, economy: str = "AUS", who: str = "ann") -> OfferMade:
        made: OfferMade = self.do("offer.make", economy=economy, who=who, card=card)
        return made

    def phone(self, economy: str = "AUS") -> "TestPhone":
        return TestPhone(scene=self, economy=economy)

    def key(self) -> InstallationKey:
        return InstallationKey.load(self.office.office.installation.web_key)


class Handler(WSGIRequestHandler):
    """Lets the application say what time it is, as a server in front of it does."""

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)

    def log(self, type: str, message: str, *args: object) -> None:
        pass


@contextmanager
def serving(scene: Scene) -> Iterator[Scene]:
    """Serve on this machine's own network, at a port of its own."""
    enable_socket()
    office = scene.office.office
    late = _Late()
    server = make_server("127.0.0.1", 0, late, threaded=True, request_handler=Handler)
    url = f"http://127.0.0.1:{server.port}"
    wallet = office.installation.wallet.model_copy(update={"url": url})
    office.installation = office.installation.model_copy(update={"wallet": wallet})
    clock = Clock(scene.clock())
    settings = Settings.of(office.installation, host="127.0.0.1", clock=clock)
    app = make_app(office, settings=settings)
    late.app = app
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield Scene(office=scene.office, app=app, clock=clock, cards=scene.cards)
    server.shutdown()
    thread.join(timeout=10)


class _Late:
    """An application that knows its port only once it is served."""

    app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


def address_in(link: str) -> str:
    """Return where an offer is, from its link."""
    query = link.partition("?")[2]
    return parse_qs(query)["credential_offer_uri"][0]


def jws(key: PrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    text = f"{b64u(canonical(header))}.{b64u(canonical(claims))}"
    return f"{text}.{b64u(sign_es256(key, text.encode()))}"


def ath(token: str) -> str:
    return b64u(hashlib.sha256(token.encode()).digest())


@dataclass(slots=True, kw_only=True)
class TestPhone:
    """A wallet of somebody else's making: standards and nothing more."""

    __test__ = False

    scene: Scene
    economy: str = "AUS"
    key: PrivateKey = field(default_factory=new_private_key)
    """That tokens are bound to."""
    holder_key: PrivateKey = field(default_factory=new_private_key)
    fresh: PrivateKey = field(default_factory=new_private_key)
    """Of a proof of an entry basis."""
    access: str = ""
    refresh: str = ""
    credential: str = ""
    notification: str = ""

    @property
    def client(self) -> FlaskClient:
        return self.scene.app.test_client()

    @property
    def issuer(self) -> str:
        return f"{URL}/{self.economy}"

    # Proofs

    def dpop(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Make a proof; a claim given as None is left out."""
        payload = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": f"{self.issuer}/{path}",
            "iat": int(self.scene.clock().timestamp()),
            **({"ath": ath(token)} if token else {}),
            **claims,
        }
        return jws(
            self.key,
            {
                "alg": "ES256",
                "typ": "dpop+jwt",
                "jwk": public_jwk(self.key.public_key()),
                **(header or {}),
            },
            {name: value for name, value in payload.items() if value is not None},
        )

    def proof(
        self, nonce: str, /, *, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        payload = {
            "aud": self.issuer,
            "iat": int(self.scene.clock().timestamp()),
            "nonce": nonce,
            **claims,
        }
        members = {
            "alg": "ES256",
            "typ": "openid4vci-proof+jwt",
            "jwk": public_jwk(self.holder_key.public_key()),
            **(header or {}),
        }
        return jws(
            self.holder_key,
            {name: value for name, value in members.items() if value is not None},
            {name: value for name, value in payload.items() if value is not None},
        )

    # Requests

    def token(self, *, dpop: str | None = None, **fields: str | None) -> TestResponse:
        body = urlencode({name: value for name, value in fields.items() if value})
        headers = {"DPoP": dpop or self.dpop("POST", "token")}
        return self.client.post(
            f"/{self.economy}/token", data=body, content_type=FORM, headers=headers
        )

    def redeem(self, code: str, tx_code: str | None = None) -> TestResponse:
        fields = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": code}
        answer = self.token(**fields, tx_code=tx_code)
        if answer.status_code == 200:
            self.access = body_of(answer)["access_token"]
            self.refresh = body_of(answer)["refresh_token"]
        return answer

    def renew(self) -> TestResponse:
        answer = self.token(grant_type="refresh_token", refresh_token=self.refresh)
        if answer.status_code == 200:
            self.access = body_of(answer)["access_token"]
        return answer

    def nonce(self) -> str:
        answer = self.client.post(f"/{self.economy}/nonce")
        assert answer.status_code == 200
        return str(body_of(answer)["c_nonce"])

    def bound(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        given = {
            "Authorization": f"DPoP {self.access}",
            "DPoP": self.dpop(method, path, token=self.access),
            **(headers or {}),
        }
        if method == "GET":
            return self.client.get(f"/{self.economy}/{path}", headers=given)
        return self.client.post(f"/{self.economy}/{path}", json=body, headers=given)

    def ask(self, proof: str | None = None) -> TestResponse:
        body = {
            "credential_configuration_id": "AbtcCard",
            "proofs": {"jwt": [proof or self.proof(self.nonce())]},
        }
        answer = self.bound("POST", "credential", body)
        if answer.status_code == 200:
            self.credential = body_of(answer)["credentials"][0]["credential"]
            self.notification = body_of(answer)["notification_id"]
        return answer

    def basis(
        self, destination: str = "SGP", arrival: str = "2030-01-18", **changes: Any
    ) -> TestResponse:
        """Ask for a proof of an entry basis; a member given as None is left out."""
        body = {
            "presentation": self.show(),
            "proof": self.fresh_proof(),
            "destination": destination,
            "arrival": arrival,
            **changes,
        }
        given = {name: value for name, value in body.items() if value is not None}
        return self.bound("POST", "holder/entry-basis", given)

    def show(self, key: PrivateKey | None = None, **claims: Any) -> str:
        """The card with a proof for its issuer, as of now."""
        known: dict[str, Any] = {"aud": self.issuer, "at": self.scene.clock()}
        key = key or self.holder_key
        proof = World().proof(self.credential, key=key, **{**known, **claims})
        return self.credential + proof

    def fresh_proof(self, nonce: str | None = None, **claims: Any) -> str:
        """The proof of a key that is for this alone: `fresh`."""
        own, self.holder_key = self.holder_key, self.fresh
        try:
            return self.proof(nonce or self.nonce(), **claims)
        finally:
            self.holder_key = own

    # Several at once

    def code_of(self, offer: OfferMade | str) -> str:
        link = offer if isinstance(offer, str) else offer.link
        path = urlsplit(address_in(link)).path
        answer = self.client.get(path)
        assert answer.status_code == 200
        grants = body_of(answer)["grants"]
        return str(grants[PRE_AUTHORIZED]["pre-authorized_code"])

    def accept(self, offer: OfferMade) -> "TestPhone":
        """Take an offer as far as the tokens."""
        answer = self.redeem(self.code_of(offer), offer.one_time_code)
        assert answer.status_code == 200, answer.json
        return self

    def take(self, offer: OfferMade) -> "TestPhone":
        """Take an offer, and the card."""
        self.accept(offer)
        answer = self.ask()
        assert answer.status_code == 200, answer.json
        return self

    def tell(self, event: str = "credential_accepted") -> TestResponse:
        body = {"notification_id": self.notification, "event": event}
        return self.bound("POST", "notification", body)

    def card(self) -> Any:
        answer = self.bound("GET", "holder/card")
        assert answer.status_code == 200, answer.json
        return answer.json


def body_of(answer: TestResponse) -> Any:
    """Return the JSON of an answer."""
    return json.loads(answer.data)


def claims_of(credential: str) -> dict[str, Any]:
    payload = credential.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return claims
