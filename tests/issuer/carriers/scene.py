"""An economy with cards that publishes, and questions about them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

import verifier
from issuer.carriers.register import Basis, Question, answers
from issuer.carriers.trust import lists_of
from issuer.office import Office
from issuer.store import Passport, PassportLink
from tests.databases import Prepared
from tests.issuer.office.publishing import Held, Publishing
from tests.simulator import NOW

TODAY = date(2030, 1, 15)
DAY = timedelta(days=1)
ZONES = verifier.zones()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """SGP issues cards; NZL and JPN are destinations; all are hosted here."""

    publishing: Publishing

    @classmethod
    def at(cls, prepared: Prepared) -> "Scene":
        return cls(publishing=Publishing.at(prepared))

    @property
    def office(self) -> Office:
        return self.publishing.back_office.office

    def passport(self, held: Held) -> tuple[str, str]:
        """Country and number of the passport of a card."""
        query = (
            select(Passport.issuer, Passport.number)
            .join(PassportLink, PassportLink.passport_id == Passport.id)
            .where(PassportLink.card_id == held.card_id)
        )
        row = self.office.store.read(lambda session: session.execute(query).one())
        return row[0], row[1]

    def question(
        self, held: Held, destination: str = "NZL", arrival: date = TODAY + DAY
    ) -> Question:
        country, number = self.passport(held)
        return Question(
            country=country, number=number, destination=destination, arrival=arrival
        )

    def basis(self, *, at: datetime = NOW, economy: str = "SGP") -> Basis:
        trust = lists_of(self.office.installation)
        return Basis(economy=economy, trust=trust, zones=ZONES, now=at)

    def ask(
        self, question: Question, *, at: datetime = NOW, economy: str = "SGP"
    ) -> verifier.EntryBasis:
        basis = self.basis(at=at, economy=economy)
        (found,) = answers(self.office, [question], basis)
        return found
