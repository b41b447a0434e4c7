"""Ask every economy's register for a carrier: those hosted here, and partners'.

A partner is asked as one economy asks another, with a service key, and only what it has
signed counts. What it is asked is about its own cards alone: nobody asks on.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from urllib.parse import urlencode

from sqlalchemy import select

import verifier
from issuer.carriers.fanout import (
    FIRST,
    FOR_EACH,
    REST,
    Places,
    Together,
    ask_together,
)
from issuer.carriers.register import Basis, Question, answers
from issuer.carriers.service import Found, basis_of, decide_here
from issuer.errors import NotFound
from issuer.office import Desk, Office
from issuer.passport_register.carrying import MAX_BODY, Brought, Carrier, Deadline
from issuer.services.identity import ServiceIdentity
from issuer.services.tokens import ASSERTION, ASSERTION_KIND
from issuer.store import HostedEconomy
from verifier import EntryBasis

_TOKEN_KEPT: Final = timedelta(minutes=4)
_FULL: Final = "full"
_LINES: Final = {"Content-Type": "application/x-ndjson"}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_ROW: Final = 8 * 2**10
"""Bytes that the answer to one question may have."""


def decide(desk: Desk, questions: Sequence[Question]) -> Sequence[Found]:
    """Decide each question from this economy's cards, or from everybody's.

    Those about everybody's cards go together: each register gets them as one list, or
    as two, first about its own nationals. Economies whose cards give an entry basis
    nowhere, the transitional ones, are left out. One that gives no answer in time makes
    it ``no_answer`` for those that nobody gives, and for nobody else.

    Args:
        desk: Of the economy that was asked.
        questions: Any number.

    Raises:
        NoTrust: There is nothing to decide from.
    """
    wide = iter(_by_everybody(desk, [each for each in questions if each.everybody]))
    own = iter(decide_here(desk, [each for each in questions if not each.everybody]))
    return [next(wide if each.everybody else own) for each in questions]


def _by_everybody(desk: Desk, questions: Sequence[Question]) -> list[Found]:
    if not questions:
        return []
    here = basis_of(desk)
    hosted = _hosted(desk.office)
    partners = desk.office.installation.services.partners
    longer = (len(questions) - 1) * FOR_EACH
    rest = REST + longer

    def ask(economy: str, some: Sequence[Question]) -> Sequence[EntryBasis | None]:
        if economy in hosted:
            return answers(desk.office, some, replace(here, economy=economy))
        return lines().ask(desk, economy, partners[economy], some, here, within=rest)

    together = ask_together(
        ask,
        questions,
        answer_of=lambda each: each.answer,
        everybody=[
            each
            for each in here.trust.economies
            if here.trust.membership_of(each, desk.now) == _FULL
        ],
        likely=lambda each: (each.country, desk.economy),
        reachable=hosted | partners.keys(),
        places=_places(),
        first=FIRST + longer,
        rest=rest,
    )
    return [
        _found(question, each, here)
        for question, each in zip(questions, together, strict=True)
    ]


def _found(question: Question, said: Together[EntryBasis], here: Basis) -> Found:
    if said.given_by is not None:
        return Found(
            basis=said.said[said.given_by], given_by=said.given_by, silent=said.silent
        )
    zone = verifier.zone_of(question.destination, here.zones)
    basis = EntryBasis(
        answer=said.answer,
        destination=question.destination,
        arrival=question.arrival,
        answered_at=here.now.astimezone(zone),
        data_as_of=here.trust.issued_at,
    )
    return Found(basis=basis, silent=said.silent)


@dataclass(slots=True)
class Lines:
    """Ways to partners, with the tokens that they have given; shared by threads."""

    _carrier: Carrier = field(default_factory=Carrier)
    _tokens: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self,
        desk: Desk,
        economy: str,
        base: str,
        questions: Sequence[Question],
        here: Basis,
        *,
        within: timedelta = REST,
    ) -> list[EntryBasis | None]:
        """Ask one partner about its own cards.

        Args:
            desk: Of the economy that asks.
            economy: The partner's code.
            base: Its address.
            questions: At most as many as a list may have.
            here: What this side believes.
            within: How long it may take, and be read.

        Returns:
            What it has signed about each question, in order; None where it has not.

        Raises:
            UnreachableError: It cannot be reached, or does not answer in time.
            NotFound: It gives no token, or no answer.
        """
        urls = here.trust.economies
        # All of it in time: one that drips its answer would keep a thread for ever.
        until = Deadline.after(within.total_seconds())
        body = "\n".join(map(_line, range(len(questions)), questions)).encode()
        most = MAX_BODY + len(questions) * _ROW

        def bring() -> Brought:
            token = self._token(desk, economy, base, urls, until)
            return self._carrier.post(
                f"{base}/services/v1/{economy}/entry-basis/bulk",
                body,
                until=until,
                headers={**_LINES, "Authorization": f"Bearer {token}"},
                most=most,
            )

        brought = bring()
        if brought.status == 401:  # it does not know the token any more
            self._forget(desk.economy, economy)
            brought = bring()
        statements = _statements(_good(brought))
        return [
            _believed(statements.get(str(place)), economy, each, here, urls)
            for place, each in enumerate(questions)
        ]

    def _token(
        self,
        desk: Desk,
        economy: str,
        base: str,
        urls: Mapping[str, str],
        until: Deadline,
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
        brought = self._carrier.post(
            f"{base}/services/v1/token",
            urlencode(form).encode(),
            until=until,
            headers=_FORM,
        )
        token = str(json.loads(_good(brought)).get("access_token"))
        with self._lock:
            self._tokens[key] = token, desk.now + _TOKEN_KEPT
        return token

    def _forget(self, asker: str, economy: str) -> None:
        with self._lock:
            self._tokens.pop((asker, economy), None)


def _good(brought: Brought) -> bytes:
    if brought.status != 200:
        raise NotFound(f"a partner answers {brought.status}")
    return brought.body


def _line(place: int, question: Question) -> str:
    said = {
        "passport": {"country": question.country, "number": question.number},
        "destination": question.destination,
        "arrival": question.arrival.isoformat(),
        "row": str(place),
    }
    return json.dumps(said)


def _statements(body: bytes) -> dict[str, str]:
    """Return what a partner has signed, by row; lines of another form say nothing."""
    found: dict[str, str] = {}
    for line in body.splitlines():
        match _object(line):
            case {"row": str(row), "answer": {"statement": str(statement)}}:
                found.setdefault(row, statement)
            case _:
                pass
    return found


def _object(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _believed(
    statement: str | None,
    economy: str,
    question: Question,
    here: Basis,
    urls: Mapping[str, str],
) -> EntryBasis | None:
    """Return what a partner says, if it has signed it for us about this question."""
    if statement is None:
        return None
    try:
        return verifier.read_register_answer(
            statement,
            economy=economy,
            audience=urls[here.economy],
            passport=verifier.Passport(
                country=question.country, number=question.number
            ),
            destination=question.destination,
            arrival=question.arrival,
            trust=here.trust,
            now=here.now,
        ).basis
    except verifier.RegisterError:
        return None


@cache
def lines() -> Lines:
    """Return this process's ways to partners."""
    return Lines()


@cache
def _places() -> Places:
    return Places()


def _hosted(office: Office) -> set[str]:
    query = select(HostedEconomy.code).where(HostedEconomy.is_test.is_(False))
    return set(office.store.read(lambda session: session.scalars(query).all()))
