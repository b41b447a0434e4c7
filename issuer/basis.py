"""What the database knows of a card: all that a signed text may say.

It is read by columns, not as objects of the ORM: a batch reads twenty rows for each
card, and making objects of them would take as long as a signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, and_, bindparam, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.endings import LIVE, OPEN_LINK
from issuer.scheme import Scheme
from issuer.store import (
    Card,
    Credential,
    Passport,
    PassportLink,
    Person,
    Preclearance,
)


class KnownCard(NamedTuple):
    """What a text about a card needs of the row of `Card`."""

    id: int
    economy: str
    state: lifecycle.Card
    approved_by: int | None
    expires_at: datetime | None
    application_id: int | None


class KnownPerson(NamedTuple):
    """The same of `Person`."""

    machine_family_name: str
    machine_given_name: str
    birthdate: date
    nationality: str


class KnownPassport(NamedTuple):
    """The same of `Passport`."""

    id: int
    issuer: str
    number: str
    expires_on: date


class KnownCredential(NamedTuple):
    """The same of `Credential`."""

    id: int
    economy: str
    card_id: int
    form: str
    document_number: str
    list_number: int
    list_index: int
    state: lifecycle.Credential
    holder_key: str | None
    design: str
    replaces_id: int | None


CREDENTIAL_COLUMNS: Final = tuple(
    getattr(Credential, name) for name in KnownCredential._fields
)
"""What to select for a `KnownCredential`, in its order."""
_CARD: Final = tuple(getattr(Card, name) for name in KnownCard._fields)
_PERSON: Final = tuple(getattr(Person, name) for name in KnownPerson._fields)
_PASSPORT: Final = tuple(getattr(Passport, name) for name in KnownPassport._fields)
_TO_PERSON: Final = len(_CARD)
_TO_PASSPORT: Final = _TO_PERSON + len(_PERSON)
_OPEN: Final = (lifecycle.Credential.PREPARED, *LIVE)

# Made once: to put such a statement together takes as long as to run it.
_THESE: Final[BindParameter[Any]] = bindparam("cards", expanding=True)
_CARDS: Final = (
    select(*_CARD, *_PERSON, *_PASSPORT, PassportLink.state)
    .join(Person, Person.id == Card.person_id)
    .outerjoin(
        PassportLink,
        and_(PassportLink.card_id == Card.id, PassportLink.state.in_(OPEN_LINK)),
    )
    .outerjoin(Passport, Passport.id == PassportLink.passport_id)
    .where(Card.id.in_(_THESE), Card.economy == bindparam("economy"))
)
_CREDENTIALS: Final = select(*CREDENTIAL_COLUMNS).where(
    Credential.card_id.in_(_THESE), Credential.state.in_(_OPEN)
)
_APPROVED: Final = select(Preclearance.card_id, Preclearance.destination).where(
    Preclearance.card_id.in_(_THESE),
    Preclearance.state == lifecycle.Preclearance.APPROVED,
)


@dataclass(slots=True, kw_only=True)
class Basis:
    """What the database knows of a card."""

    card: KnownCard
    person: KnownPerson
    link: lifecycle.PassportLink | None = None
    passport: KnownPassport | None = None
    approved: set[str] = field(default_factory=set)
    """Destinations whose pre-clearance is approved."""
    credentials: list[KnownCredential] = field(default_factory=list)
    """Those that are prepared, valid or suspended."""

    def economies(self, scheme: Scheme, at: datetime) -> tuple[str, ...]:
        """Return what is printed: what is approved, and still allowed by the scheme."""
        possible = scheme.destinations(self.card.economy, self.person.nationality, at)
        return tuple(code for code in sorted(possible) if code in self.approved)

    def credential(self, key: int | None) -> KnownCredential | None:
        """Return one of its credentials, by its identity."""
        return next((each for each in self.credentials if each.id == key), None)


def bases(session: Session, economy: str, cards: Iterable[int]) -> dict[int, Basis]:
    """Read what is known of some cards of an economy, by card."""
    found = _cards(session, economy, [*dict.fromkeys(cards)])
    these = {"cards": [*found]}
    for row in session.execute(_CREDENTIALS, these):
        credential = KnownCredential(*row)
        found[credential.card_id].credentials.append(credential)
    for card_id, destination in session.execute(_APPROVED, these):
        found[card_id].approved.add(destination)
    return found


def _cards(session: Session, economy: str, cards: list[int]) -> dict[int, Basis]:
    rows = session.execute(_CARDS, {"cards": cards, "economy": economy})
    found = [
        Basis(
            card=KnownCard(*row[:_TO_PERSON]),
            person=KnownPerson(*row[_TO_PERSON:_TO_PASSPORT]),
            passport=KnownPassport(*row[_TO_PASSPORT:-1]) if row[-1] else None,
            link=row[-1],
        )
        for row in rows
    ]
    return {each.card.id: each for each in found}
