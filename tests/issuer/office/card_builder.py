"""Cards to test with, written straight into the database: approved, and not yet issued.

cards = CardBuilder(back_office)
card = cards.make("KOR", approved=("AUS", "SGP"), pending=("JPN",))
cards.answer(card, "JPN", "approved")
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.jws import public_jwk
from issuer.profile import card_expiry
from issuer.store import (
    Account,
    Application,
    ApplicationKind,
    Card,
    Credential,
    Issue,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    PreclearanceEvent,
    Sex,
    Store,
)
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW, fixed_key

PASSPORT_ENDS = date(2039, 1, 1)
FIRST_ISSUED = date(2030, 1, 10)
APPROVED = lifecycle.Preclearance.APPROVED
PENDING = lifecycle.Preclearance.PENDING


def phone(name: str = "phone") -> dict[str, str]:
    """The public key that a phone offers, as a JWK."""
    return public_jwk(fixed_key(name).public_key())


@dataclass(frozen=True, slots=True, kw_only=True)
class CardBuilder:
    """Makes cards; ``eve`` entered and ``bob`` approved every application."""

    office: BackOffice
    first: int = 1
    """Number of the first passport."""
    _numbers: "count[int]" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", count(self.first))

    @property
    def store(self) -> Store:
        return self.office.store

    def make(
        self,
        economy: str = "KOR",
        *,
        approved: Iterable[str] = ("AUS", "SGP"),
        pending: Iterable[str] = (),
        passport_ends: date = PASSPORT_ENDS,
        term: int = 5,
        renews: int | None = None,
        person: int | None = None,
    ) -> int:
        """Make an active card and return its number."""

        def work(session: Session) -> int:
            return self.add(
                session, economy, approved=approved, pending=pending,
                passport_ends=passport_ends, term=term, renews=renews, person=person,
            )  # fmt: skip

        return self.store.write(work, now=NOW)

    def make_many(self, size: int, economy: str = "KOR") -> list[int]:
        """Make many cards alike in one transaction."""
        return self.store.write(
            lambda session: [self.add(session, economy) for _ in range(size)], now=NOW
        )

    def add(
        self,
        session: Session,
        economy: str,
        *,
        approved: Iterable[str] = ("AUS", "SGP"),
        pending: Iterable[str] = (),
        passport_ends: date = PASSPORT_ENDS,
        term: int = 5,
        renews: int | None = None,
        person: int | None = None,
    ) -> int:
        number = next(self._numbers)
        person_id = person or _person(session, economy)
        passport = Passport(
            economy=economy,
            person_id=person_id,
            issuer=economy,
            number=f"PA{number:07d}",
            issued_on=date(2029, 1, 1),
            expires_on=passport_ends,
        )
        session.add(passport)
        session.flush()
        entered, decided = self._staff(session, economy)
        application = Application(
            economy=economy,
            number=f"{economy}APPL{number:05d}",
            kind=ApplicationKind.RENEWAL if renews else ApplicationKind.NEW,
            person_id=person_id,
            passport_id=passport.id,
            renews_card_id=renews,
            state=lifecycle.Application.CIRCULATED,
            entered_by=entered,
            entered_at=NOW - timedelta(days=30),
            decided_by=decided,
            decided_at=NOW - timedelta(days=5),
            changed_at=NOW - timedelta(days=5),
        )
        session.add(application)
        session.flush()
        card = Card(
            economy=economy,
            person_id=person_id,
            application_id=application.id,
            approved_by=decided,
            state=lifecycle.Card.ACTIVE,
            applied_on=date(2029, 12, 1),
            first_issued_on=FIRST_ISSUED,
            expires_at=card_expiry(FIRST_ISSUED, term, passport_ends),
            created_at=NOW - timedelta(days=30),
            changed_at=NOW - timedelta(days=5),
        )
        session.add(card)
        session.flush()
        session.add(
            PassportLink(
                card_id=card.id,
                passport_id=passport.id,
                state=lifecycle.PassportLink.LINKED,
                linked_at=NOW - timedelta(days=30),
                changed_at=NOW - timedelta(days=30),
            )
        )
        for code in set(approved) - {economy}:
            _lane(session, card, code, APPROVED, decided)
        for code in pending:
            _lane(session, card, code, PENDING, decided)
        session.flush()
        return card.id

    def answer(
        self, card: int, destination: str, state: lifecycle.Preclearance
    ) -> None:
        """Set what a destination says."""

        def work(session: Session) -> None:
            lane = session.scalars(
                select(Preclearance).where(
                    Preclearance.card_id == card,
                    Preclearance.destination == destination,
                )
            ).one()
            _event(session, lane, state, session.get_one(Card, card).approved_by or 0)
            lane.state = state

        self.store.write(work, now=NOW)

    def credentials(self, card: int) -> list[Credential]:
        """Every credential of a card, the oldest first."""
        return self.store.read(
            lambda session: [
                *session.scalars(
                    select(Credential)
                    .where(Credential.card_id == card)
                    .order_by(Credential.id)
                )
            ]
        )

    def issues(self, card: int) -> list[Issue]:
        """Every issue of a card, the oldest first."""
        return self.store.read(
            lambda session: [
                *session.scalars(
                    select(Issue).where(Issue.card_id == card).order_by(Issue.id)
                )
            ]
        )

    def card(self, card: int) -> Card:
        return self.store.read(lambda session: session.get_one(Card, card))

    def _staff(self, session: Session, economy: str) -> tuple[int, int]:
        accounts = {
            login: key
            for key, login in session.execute(
                select(Account.id, Account.login).where(Account.economy == economy)
            )
        }
        code = economy.lower()
        return accounts[f"eve-{code}"], accounts[f"bob-{code}"]


def _person(session: Session, economy: str) -> int:
    person = Person(
        economy=economy,
        family_name="Citizen",
        given_name="Jane",
        machine_family_name="CITIZEN",
        machine_given_name="JANE",
        birthdate=date(1980, 5, 4),
        sex=Sex.FEMALE,
        nationality=economy,
        created_at=NOW - timedelta(days=30),
    )
    session.add(person)
    session.flush()
    return person.id


def _lane(
    session: Session,
    card: Card,
    destination: str,
    state: lifecycle.Preclearance,
    actor: int,
) -> None:
    asked = NOW - timedelta(days=4)
    lane = Preclearance(
        card_id=card.id,
        issuer=card.economy,
        destination=destination,
        state=state,
        asked_at=asked,
        answered_at=None if state == PENDING else asked,
        changed_at=asked,
    )
    session.add(lane)
    session.flush()
    _event(session, lane, state, actor)


def _event(
    session: Session, lane: Preclearance, state: lifecycle.Preclearance, actor: int
) -> None:
    seq = len(
        session.scalars(
            select(PreclearanceEvent.id).where(
                PreclearanceEvent.preclearance_id == lane.id
            )
        ).all()
    )
    session.add(
        PreclearanceEvent(
            preclearance_id=lane.id,
            seq=seq + 1,
            event="test",
            before=lane.state,
            after=state,
            at=NOW,
            actor_id=actor,
        )
    )
