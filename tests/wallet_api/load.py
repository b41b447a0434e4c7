"""A wallet's server under load: its real processes, and phones that take their cards.

    with standing(folder, database=url, cards=1_000, workers=2) as place:
        load = place.run(seconds=30, phones=20, rate=None)

Each phone takes an offer with its one-time code, asks for a nonce and fetches its card:
three requests, each with the proofs that OpenID4VCI and DPoP ask for.
"""

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.installation import FILE
from issuer.jws import PrivateKey, b64u, moment_on_wire, new_private_key
from issuer.offers import Codes, add_offer, key_of, new_digits, one_time_mark
from issuer.office import Actor, Desk, Office
from issuer.store import Account, AccountKind, Role
from tests.issuer.load import Look, free_port, look, run_command, served
from tests.issuer.many_cards import make_cards
from wallet_api.holder_client import PRE_AUTHORIZED
from wallet_api.holder_net import FORM, jwt
from wallet_api.metadata import CONFIGURATION

ECONOMY: Final = "AUS"
_SETTINGS: Final = """
[wallet]
url = "http://127.0.0.1:{port}"
per_address = 1000000
overall = 1000000
"""
_BATCH: Final = 500
_EVERY: Final = 0.5
"""Seconds between two looks at the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What reached a holder by two ways."""

    code: str
    one_time_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """One phone's way to its card."""

    took: float
    """Seconds, from when it was due to the card."""
    steps: Mapping[str, float]
    """Seconds of each request."""
    card: str
    """Empty where there is none."""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of a run."""

    seconds: float
    issuances: Sequence[Issuance]
    looks: Sequence[Look]
    """At the server's first process."""

    @property
    def growth(self) -> float:
        """By which share memory grew from the first fifth to the end."""
        warm = [each for each in self.looks if each.at >= self.seconds / 5]
        return warm[-1].memory / warm[0].memory - 1

    @property
    def failed(self) -> list[Issuance]:
        """Phones that have no card."""
        return [each for each in self.issuances if not each.card]

    @property
    def rate(self) -> float:
        """Cards a second."""
        return (len(self.issuances) - len(self.failed)) / self.seconds


@contextmanager
def standing(
    folder: Path, *, database: str | None, cards: int, workers: int
) -> Iterator["Place"]:
    """Make an installation with offers, and serve it.

    Args:
        folder: Is there; the installation is made below it.
        database: URL of an empty one; None for SQLite.
        cards: How many are approved, each to be offered to one phone.
        workers: Processes that answer.
    """
    home = folder / "home"
    more = ["--database", database] if database else []
    run_command("issuer", "init", home, f"--economy={ECONOMY}", "--economy=NZL",
                "--test", "--keys", *more)  # fmt: skip
    port = free_port()
    settings = home / FILE
    settings.write_text(settings.read_text() + _SETTINGS.format(port=port))
    run_command("issuer", "demo-data", home, "--cards=10")
    with (
        served("wallet_api", home, port, "--workers", str(workers)) as process,
        _offering(home, cards) as offers,
    ):
        yield Place(home=home, process=process, port=port, offers=offers)


@dataclass(slots=True, kw_only=True)
class Offers:
    """Makes offers, which last for minutes only, a little before they are taken."""

    desk: Desk
    cards: deque[int]
    """That nobody was offered yet."""
    tickets: deque[Ticket] = field(default_factory=deque)
    """That nobody has taken yet."""

    def make(self, least: int) -> None:
        """Make offers until there are so many, or no cards."""
        while self.cards and len(self.tickets) < least:
            some = [self.cards.popleft() for _ in range(min(_BATCH, len(self.cards)))]
            now = datetime.now(UTC)  # noqa: TID251  # the server has a real clock
            desk = replace(self.desk, now=now)
            self.tickets.extend(desk.write(partial(_offer, desk, some)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server that runs."""

    home: Path
    process: int
    port: int
    offers: Offers

    def run(self, *, seconds: float, phones: int, rate: float | None) -> Load:
        """Let phones take their cards.

        Args:
            seconds: For how long, if the cards last.
            phones: How many at the same time.
            rate: How many begin in a second; None for as many as can.
        """
        # At full speed nothing else shall work meanwhile; else a minute's are enough.
        ahead = round(60 * rate) if rate else len(self.offers.cards)
        self.offers.make(ahead)
        start = time.monotonic()
        clients = [
            _Client(
                port=self.port,
                tickets=self.offers.tickets,
                due=start + (number / rate if rate else 0),
                pause=phones / rate if rate else None,
                until=start + seconds,
            )
            for number in range(phones)
        ]
        threads = [threading.Thread(target=each.work) for each in clients]
        for thread in threads:
            thread.start()
        looks = [look(self.process, 0)]
        while any(thread.is_alive() for thread in threads):
            time.sleep(_EVERY)
            if rate:
                self.offers.make(ahead // 2)
            looks.append(look(self.process, time.monotonic() - start))
        done = [each for client in clients for each in client.done]
        took = time.monotonic() - start
        return Load(seconds=took, issuances=done, looks=looks)


@dataclass(slots=True, kw_only=True)
class _Client:
    """One phone after another, on one connection."""

    port: int
    tickets: deque[Ticket]
    due: float
    pause: float | None
    until: float
    done: list[Issuance] = field(default_factory=list)
    connection: HTTPConnection | None = None

    def work(self) -> None:
        while max(self.due, time.monotonic()) < self.until:
            time.sleep(max(0.0, self.due - time.monotonic()))
            try:
                ticket = self.tickets.popleft()
            except IndexError:
                break
            self.done.append(self._issuance(ticket))
            self.due = self.due + self.pause if self.pause else time.monotonic()
        if self.connection is not None:
            self.connection.close()

    def _issuance(self, ticket: Ticket) -> Issuance:
        steps: dict[str, float] = {}
        card, problem = "", ""
        try:
            card = self._card(ticket, steps)
        except (OSError, HTTPException, ValueError, KeyError) as error:
            self.connection, problem = None, repr(error)
        return Issuance(
            took=time.monotonic() - self.due, steps=steps, card=card, problem=problem
        )

    def _card(self, ticket: Ticket, steps: dict[str, float]) -> str:
        token_key, holder_key = new_private_key(), new_private_key()
        fields = {
            "grant_type": PRE_AUTHORIZED,
            "pre-authorized_code": ticket.code,
            "tx_code": ticket.one_time_code,
        }
        headers = {"Content-Type": FORM, "DPoP": self._proof("token", token_key)}
        tokens = self._ask("token", urlencode(fields), headers, steps)
        access = tokens["access_token"]
        nonce = self._ask("nonce", "", {}, steps)["c_nonce"]
        claims = {
            "aud": self._address(""),
            "iat": _wire_now(),
            "nonce": nonce,
        }
        proof = jwt(holder_key, "openid4vci-proof+jwt", claims)
        body = {
            "credential_configuration_id": CONFIGURATION,
            "proofs": {"jwt": [proof]},
        }
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"DPoP {access}",
            "DPoP": self._proof("credential", token_key, access),
        }
        given = self._ask("credential", json.dumps(body), headers, steps)
        return str(given["credentials"][0]["credential"])

    def _proof(self, path: str, key: PrivateKey, token: str | None = None) -> str:
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": "POST",
            "htu": self._address(f"/{path}"),
            "iat": _wire_now(),
        }
        if token is not None:
            claims["ath"] = b64u(sha256(token.encode()).digest())
        return jwt(key, "dpop+jwt", claims)

    def _ask(
        self, path: str, body: str, headers: Mapping[str, str], steps: dict[str, float]
    ) -> dict[str, Any]:
        began = time.monotonic()
        if self.connection is None:
            self.connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.connection.request("POST", f"/{ECONOMY}/{path}", body, dict(headers))
        response = self.connection.getresponse()
        data = response.read()
        steps[path] = time.monotonic() - began
        if response.status != 200:
            raise ValueError(f"{path}: {response.status} {data[:200]!r}")
        given: dict[str, Any] = json.loads(data)
        return given

    def _address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{ECONOMY}{path}"


def _wire_now() -> int:
    return moment_on_wire(datetime.now(UTC))  # noqa: TID251  # the server has a real clock


# The installation


@contextmanager
def _offering(home: Path, count: int) -> Iterator[Offers]:
    """Approve cards, to be offered by somebody who has decided nothing."""
    from issuer.commands.opening import open_office  # noqa: PLC0415

    now = datetime.now(UTC)  # noqa: TID251  # the server has a real clock
    office = open_office(home)
    try:
        cards = make_cards(office, ECONOMY, count, now=now)
        office.store.analyze()
        desk = Desk(office=office, actor=_clerk(office), now=now, reason="a trial")
        yield Offers(desk=desk, cards=deque(cards))
    finally:
        office.store.close()


def _clerk(office: Office) -> Actor:
    """The first person there, who has entered every application and decided none."""
    account = office.store.read(
        lambda session: session.scalars(
            select(Account)
            .where(Account.economy == ECONOMY, Account.kind == AccountKind.PERSON)
            .order_by(Account.id)
            .limit(1)
        ).one()
    )
    return Actor(
        account_id=account.id,
        economy=ECONOMY,
        login=account.login,
        roles=frozenset(Role),
        kind=account.kind,
    )


def _offer(desk: Desk, cards: Sequence[int], session: Session) -> list[Ticket]:
    key, made = key_of(desk), []
    for card in cards:
        codes, digits = Codes.new(key), new_digits()
        offer = add_offer(session, desk, card, codes)
        offer.one_time_mark = one_time_mark(key, offer.code_hash, digits)
        made.append(Ticket(code=codes.code, one_time_code=digits))
    return made
