"""One installation that hosts AUS and NZL, and the systems of economies elsewhere.

SGP, JPN and KOR are hosted elsewhere: their keys are the simulator's, in trust data
that is published for real, and what they send is made here, by hand, as a stranger
would make it from docs/web-services.md.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from issuer.documents import scheme_document
from issuer.installation import Installation, Services
from issuer.publication import open_publisher
from issuer.store import Card, HostedEconomy, Preclearance, Statement, Store
from tests.databases import Prepared
from tests.issuer.back_office import SCHEME, BackOffice, fill_office, office_on
from tests.issuer.office.flow import Flow
from tests.issuer.web.front import Clock, Front
from tests.simulator import (
    NOW,
    World,
    b64u,
    changed,
    compact_json,
    fixed_key,
    jwk,
    jws,
    seconds,
    signature,
)

HOSTED = ("AUS", "NZL")
ELSEWHERE = ("SGP", "JPN", "KOR")
START = NOW - timedelta(hours=2)
FORM = "application/x-www-form-urlencoded"
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PREFIX = "/services/v1"
_NUMBERS = count(1)


def url_of(economy: str) -> str:
    return SCHEME.economy(economy).issuer_url


def _make(store: Store, folder: Path) -> None:
    fill_office(store, folder, hosted=HOSTED)
    (folder / "keys/publish").mkdir(parents=True, mode=0o700)
    back = _opened(store, folder)
    publisher = open_publisher(back.office)
    publisher.init(scheme_document(SCHEME, issued_at=START), now=START)
    world = World(economies=ELSEWHERE)
    for code in (*HOSTED, *ELSEWHERE):
        publisher.add_economy(code, now=START)
    for code in ELSEWHERE:
        documents = world.documents(code)
        mine = {
            name: text
            for name, text in documents.items()
            if name in {f"{code}/issuer.json", f"{code}/status/1.jwt"}
        }
        publisher.publish_lists(code, mine, now=NOW - timedelta(minutes=30))
    back.office.installation.issue_log.touch()
    for code in HOSTED:
        Flow(back).do("lists.publish", economy=code, who="ann")


def _opened(store: Store, folder: Path, **services: Any) -> BackOffice:
    back = office_on(store, folder)
    back.office.publish_passphrase = lambda _: b"quiet river"
    back.office.installation = Installation(
        folder=folder, services=Services.model_validate(services)
    )
    return back


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    back: BackOffice
    app: Flask
    clock: Clock
    flow: Flow

    @classmethod
    def at(cls, prepared: Prepared, **services: Any) -> "Town":
        prepared.fill("town", _make)
        back = _opened(prepared.store, prepared.folder, **services)
        front = Front.of(back)
        return cls(back=back, app=front.app, clock=front.clock, flow=Flow(back))

    def system(self, economy: str, *, asks: str = "NZL") -> "System":
        return System(town=self, economy=economy, asks=asks)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.app.test_client().post(PREFIX + path, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.app.test_client().get(PREFIX + path, **options)

    def lane(self, reference: str, destination: str = "NZL") -> Preclearance:
        query = (
            select(Preclearance)
            .join(Card, Card.id == Preclearance.card_id)
            .where(
                Card.foreign_reference == reference,
                Preclearance.destination == destination,
            )
        )
        return self.back.store.read(lambda session: session.scalars(query).one())

    def statements(self, **columns: Any) -> list[Statement]:
        return self.back.store.read(
            lambda session: list(
                session.scalars(
                    select(Statement).filter_by(**columns).order_by(Statement.id)
                )
            )
        )

    def mark_as_test(self, economy: str) -> None:
        def work(session: Session) -> None:
            session.get_one(HostedEconomy, economy).is_test = True

        self.back.store.write(work, now=NOW)


@dataclass(slots=True, kw_only=True)
class System:
    """The system of an economy elsewhere, as a stranger would write it."""

    town: Town
    economy: str
    asks: str
    token: str | None = None
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: fixed_key("service")
    )

    def delegation(self, *, key: str | None = None, **changes: Any) -> str:
        kid = key or f"{self.economy}-status"
        claims = {
            "iss": url_of(self.economy),
            "iat": seconds(self.town.clock.now - timedelta(hours=1)),
            "exp": seconds(self.town.clock.now + timedelta(days=7)),
            "keys": [{**jwk(self.key), "kid": "s1", "use": "sig"}],
        }
        header = {"alg": "ES256", "kid": kid, "typ": "abtc-service-keys+jwt"}
        return jws(header, changed(claims, changes), fixed_key(kid))

    def message(
        self, typ: str = "abtc-client+jwt", *, by: str | None = None, **changes: Any
    ) -> str:
        now = self.town.clock.now
        header = {
            "alg": "ES256",
            "delegation": by or self.delegation(),
            "kid": "s1",
            "typ": typ,
        }
        claims = {
            "iss": url_of(self.economy),
            "aud": url_of(self.asks),
            "iat": seconds(now),
            "exp": seconds(now + timedelta(minutes=5)),
            "jti": f"m{next(_NUMBERS)}",
        }
        return jws(header, changed(claims, changes), self.key)

    def ask_token(self, assertion: str | None = None, **more: str) -> TestResponse:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": KIND,
            "client_assertion": assertion or self.message(),
            **more,
        }
        return self.town.post("/token", data=form)

    def enter(self) -> "System":
        answer = self.ask_token()
        assert answer.status_code == 200, answer.get_json()
        self.token = str(answer.get_json()["access_token"])
        return self

    def ask(
        self,
        method: str,
        path: str,
        given: object = None,
        *,
        at: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> TestResponse:
        if self.token is None:
            self.enter()
        if given is not None:
            options["json"] = given
        return self.town.app.test_client().open(
            f"{PREFIX}/{at or self.asks}{path}",
            method=method,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
            **options,
        )

    def lines(self, rows: Iterable[object]) -> TestResponse:
        data = b"".join(
            (row if isinstance(row, bytes) else compact_json(row)) + b"\n"
            for row in rows
        )
        return self.ask(
            "POST",
            "/preclearance-requests/bulk",
            data=data,
            content_type="application/x-ndjson",
        )

    def request(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        letters = "".join(chr(65 + int(digit)) for digit in f"{number:04}")
        return {
            "issuer": self.economy,
            "reference": f"{self.economy}-{number}",
            "family_name": f"TAN{letters}",
            "given_name": "MEI",
            "birthdate": "1980-01-01",
            "sex": "F",
            "nationality": self.economy,
            "passport_country": self.economy,
            "passport_number": f"E{letters}",
            "passport_issued_on": "2028-01-01",
            "passport_expires_on": "2038-01-01",
            "applied_on": "2029-12-01",
            "card_expires_at": "2033-01-01T00:00:00Z",
            **changes,
        }

    def statement(
        self,
        *events: tuple[str, int, str, str],
        issuer: str | None = None,
        iat: datetime | None = None,
        key: str | None = None,
        kid: str | None = None,
        iss: str | None = None,
    ) -> str:
        """What this destination signs: card, step, event and what it leads to."""
        status = key or f"{self.economy}-status"
        header = {
            "alg": "ES256",
            "kid": kid or status,
            "typ": "abtc-preclearance+jwt",
        }
        payload = {
            "iss": iss or url_of(self.economy),
            "iat": seconds(iat or self.town.clock.now),
            "events": [
                {"issuer": issuer or self.asks, "card": card, "seq": seq,
                 "event": event, "after": after}
                for card, seq, event, after in events
            ],
        }  # fmt: skip
        text = f"{b64u(compact_json(header))}.{b64u(compact_json(payload))}"
        return f"{text}.{b64u(signature(fixed_key(status), text.encode()))}"


def rows_of(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [json.loads(line) for line in answer.get_data().splitlines()]


def code_of(answer: TestResponse) -> tuple[int, str]:
    body = answer.get_json(force=True)
    return answer.status_code, str(body["code"])
