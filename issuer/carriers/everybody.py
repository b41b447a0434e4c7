"""Ask every economy's register for a carrier: those hosted here, and partners'.

A partner is asked as one economy asks another, with a service key, and only what it has
signed counts. What it is asked is about its own cards alone: nobody asks on.
"""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import select

import verifier
from issuer.carriers.fanout import REST, ask_together, new_pool
from issuer.carriers.register import Basis, Question, answers
from issuer.carriers.service import Ask, Asker, Told, basis_of, tell
from issuer.errors import NotFound
from issuer.office import Desk, Office
from issuer.passport_register.carrying import Carrier, Deadline
from issuer.services.identity import ServiceIdentity
from issuer.services.tokens import ASSERTION, ASSERTION_KIND
from issuer.store import HostedEconomy
from verifier import EntryBasis

_TOKEN_KEPT: Final = timedelta(minutes=4)
_FULL: Final = "full"


def ask_everybody(desk: Desk, asker: Asker, given: Ask) -> Told:
    """Answer one question with what all registers say that can be asked.

    Economies whose cards give an entry basis nowhere, the transitional ones, are left
    out. One that gives no answer in time makes it ``no_answer``, unless another gives.

    Raises:
        NoTrust: There is nothing to decide from.
        ServiceKeyMissing: Nothing can be signed.
    """
    here = basis_of(desk)
    question = Question(
        country=given.passport.country,
        number=given.passport.number,
        destination=given.destination,
        arrival=given.arrival,
    )
    hosted = _hosted(desk.office)
    partners = desk.office.installation.services.partners

    def ask(economy: str) -> EntryBasis:
        if economy in hosted:
            (found,) = answers(desk.office, [question], replace(here, economy=economy))
            return found
        return lines().ask(desk, economy, partners[economy], question, here)

    together = ask_together(
        ask,
        answer_of=lambda each: each.answer,
        everybody=[
            each
            for each in here.trust.economies
            if here.trust.membership_of(each, desk.now) == _FULL
        ],
        likely=(given.passport.country, desk.economy),
        reachable=hosted | partners.keys(),
        pool=_pool(),
    )
    if together.given_by is not None:
        found = together.said[together.given_by]
    else:
        zone = verifier.zone_of(given.destination, here.zones)
        found = EntryBasis(
            answer=together.answer,
            destination=given.destination,
            arrival=given.arrival,
            answered_at=desk.now.astimezone(zone),
            data_as_of=here.trust.issued_at,
        )
    return tell(desk, asker, given, found, together.given_by)


@dataclass(slots=True)
class Lines:
    """Ways to partners, with the tokens that they have given; shared by threads."""

    _carrier: Carrier = field(default_factory=Carrier)
    _tokens: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self, desk: Desk, economy: str, base: str, question: Question, here: Basis
    ) -> EntryBasis:
        """Ask one partner about its own cards.

        Raises:
            RegisterError: What it answers is not signed by it, about this question.
            UnreachableError: It cannot be reached, or does not answer in time.
            NotFound: It gives no token, or no answer.
        """
        urls = here.trust.economies
        passport = {"country": question.country, "number": question.number}
        said = self._post(
            f"{base}/services/v1/{economy}/entry-basis",
            json.dumps(
                {
                    "passport": passport,
                    "destination": question.destination,
                    "arrival": question.arrival.isoformat(),
                }
            ).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self._token(desk, economy, base, urls)}",
            },
        )
        return verifier.read_register_answer(
            str(said.get("statement")),
            economy=economy,
            audience=urls[desk.economy],
            passport=verifier.Passport(
                country=question.country, number=question.number
            ),
            destination=question.destination,
            arrival=question.arrival,
            trust=here.trust,
            now=desk.now,
        ).basis

    def _token(
        self, desk: Desk, economy: str, base: str, urls: Mapping[str, str]
    ) -> str:
        key = desk.economy, economy
        with self._lock:
            known = self._tokens.get(key)
        if known is not None and desk.now < known[1]:
            return known[0]
        identity = ServiceIdentity.of(desk.office, desk.economy, desk.now)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_KIND,
            "client_assertion": identity.sign(ASSERTION, urls[economy], {}, desk.now),
            "scope": "carriers",
        }
        said = self._post(
            f"{base}/services/v1/token",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        token = str(said.get("access_token"))
        with self._lock:
            self._tokens[key] = token, desk.now + _TOKEN_KEPT
        return token

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Any:
        # All of it in time: one that drips its answer would keep a thread for ever.
        until = Deadline.after(REST.total_seconds())
        brought = self._carrier.post(url, body, until=until, headers=headers)
        if brought.status != 200:
            raise NotFound(f"a partner answers {brought.status}")
        return json.loads(brought.body)


@cache
def lines() -> Lines:
    """Return this process's ways to partners."""
    return Lines()


@cache
def _pool() -> ThreadPoolExecutor:
    return new_pool()


def _hosted(office: Office) -> set[str]:
    query = select(HostedEconomy.code).where(HostedEconomy.is_test.is_(False))
    return set(office.store.read(lambda session: session.scalars(query).all()))
