"""Which passports of an economy are reported as lost, stolen or no longer good.

Whoever knows of such reports gives them here; what is published of them is made in
`issuer.passport_list`.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.passport_list import Reported
from issuer.store import Passport, Person, ReportedPassport


class Source(Protocol):
    """Something that knows of reports."""

    def __call__(
        self, session: Session, economy: str, *, today: date
    ) -> Iterator[Reported]:
        """Yield an economy's own passports that are reported and have not ended.

        Args:
            session: A reading session.
            economy: Alpha-3 code; passports that others have issued are not asked for.
            today: Day in UTC. A passport whose last day is before it is left out.
        """
        ...  # pragma: no cover


def of_linked_cards(
    session: Session, economy: str, *, today: date
) -> Iterator[Reported]:
    """Yield what was reported of passports that this economy's own cards go with."""
    query = (
        select(Passport.number, Person.birthdate)
        .join(ReportedPassport, ReportedPassport.passport_id == Passport.id)
        .join(Person, Person.id == Passport.person_id)
        .where(
            Passport.economy == economy,
            Passport.issuer == economy,
            Passport.expires_on >= today,
        )
    )
    for number, birthdate in session.execute(query):
        yield Reported(number=number, birthdate=birthdate)


_SOURCES: Final[tuple[Source, ...]] = (of_linked_cards,)


def reported_passports(
    session: Session, economy: str, *, today: date
) -> frozenset[Reported]:
    """Return every reported passport of an economy that has not ended.

    Args:
        session: A reading session.
        economy: Alpha-3 code of who issued the passports.
        today: Day in UTC.
    """
    return frozenset(
        each for source in _SOURCES for each in source(session, economy, today=today)
    )
