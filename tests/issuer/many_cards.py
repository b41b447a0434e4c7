"""Very many cards to test with, all alike: approved everywhere, and not yet issued."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.demo.rows import count_on, next_id
from issuer.office import Office
from issuer.profile import card_expiry
from issuer.store import (
    Account,
    AccountKind,
    Application,
    ApplicationKind,
    Card,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Sex,
)
from issuer.store.rows import add_rows, table_of

_LIFE: Final = timedelta(days=3_270)
"""Of a passport."""
_TABLES: Final = tuple(
    map(table_of, (Person, Passport, Application, Card, PassportLink, Preclearance))
)
_Row = dict[str, Any]


def make_cards(
    office: Office, economy: str, size: int, *, now: datetime
) -> Sequence[int]:
    """Make cards approved at home and by every destination; return their numbers.

    Args:
        office: Hosts the economy, which has two accounts of persons at least.
        economy: The issuer.
        size: How many.
        now: The moment; they were applied for and approved five days before.
    """

    def work(session: Session) -> Sequence[int]:
        entered_by, approved_by, *_ = session.scalars(
            select(Account.id)
            .where(Account.economy == economy, Account.kind == AccountKind.PERSON)
            .order_by(Account.id)
        )
        maker = _Maker(
            economy=economy,
            first={each.name: next_id(session, each) for each in _TABLES},
            entered_by=entered_by,
            approved_by=approved_by,
            lanes=office.scheme(session).destinations(economy, economy, now),
            at=now - timedelta(days=5),
            passport_ends=(now + _LIFE).date(),
        )
        made = [maker.rows(number) for number in range(size)]
        for table, parts in zip(_TABLES, zip(*made, strict=True), strict=True):
            add_rows(session, table, [*chain.from_iterable(parts)])
            count_on(session, table)
        start = maker.first["card"]
        return range(start, start + size)

    return office.store.write(work, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    economy: str
    first: Mapping[str, int]
    entered_by: int
    approved_by: int
    lanes: Sequence[str]
    at: datetime
    passport_ends: date

    def rows(self, number: int) -> tuple[list[_Row], ...]:
        """Return the rows of one card, for each of `_TABLES`."""
        person, passport, application, card, link, _ = (
            self.first[table.name] + number for table in _TABLES
        )
        code, at, day = self.economy, self.at, self.at.date()
        home = {"economy": code, "person_id": person}
        return (
            [{"id": person, "economy": code, "family_name": "Citizen",
              "given_name": "Jane", "machine_family_name": "CITIZEN",
              "machine_given_name": "JANE", "birthdate": date(1980, 5, 4),
              "sex": Sex.FEMALE, "nationality": code, "created_at": at}],
            [{**home, "id": passport, "issuer": code, "number": f"MASS{passport}",
              "expires_on": self.passport_ends}],
            [{**home, "id": application, "number": f"{code}MASS{application}",
              "kind": ApplicationKind.NEW, "passport_id": passport, "stage": 0,
              "state": lifecycle.Application.CIRCULATED, "entered_at": at,
              "entered_by": self.entered_by, "decided_by": self.approved_by,
              "decided_at": at, "changed_at": at}],
            [{**home, "id": card, "application_id": application, "losses": 0,
              "approved_by": self.approved_by, "state": lifecycle.Card.ACTIVE,
              "applied_on": day, "first_issued_on": day,
              "expires_at": card_expiry(day, 5, self.passport_ends),
              "created_at": at, "changed_at": at}],
            [{"id": link, "card_id": card, "passport_id": passport,
              "state": lifecycle.PassportLink.LINKED, "linked_at": at,
              "changed_at": at}],
            self._lanes(card, number, at),
        )  # fmt: skip

    def _lanes(self, card: int, number: int, at: datetime) -> list[_Row]:
        first = self.first["preclearance"] + number * len(self.lanes)
        return [
            {"id": first + place, "card_id": card, "issuer": self.economy,
             "destination": code, "state": lifecycle.Preclearance.APPROVED,
             "asked_at": at, "answered_at": at, "changed_at": at, "hits": 0}
            for place, code in enumerate(self.lanes)
        ]  # fmt: skip
