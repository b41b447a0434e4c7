"""Who is on file already: what applicants are compared with, one or many at once."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from issuer.intake.duplicates import Identity, Known, Match, find_matches
from issuer.store import Passport, Person


class People:
    """People to compare with, of whom those are found quickly who can be alike.

    A name that is the same lets one slip in the birth date pass, so it has to be the
    whole name; a slip in the name, or in the passport's number, needs the same birth
    date.
    """

    def __init__(self) -> None:
        self._known: defaultdict[Hashable, dict[Known, None]] = defaultdict(dict)

    def add(self, known: Known) -> None:
        """Add somebody; the same once."""
        for key in _keys(known.identity):
            self._known[key][known] = None

    def matches(self, applicant: Identity) -> tuple[Match, ...]:
        """Return who may be an applicant, as `find_matches` does among all of them."""
        known = dict.fromkeys(
            each for key in _keys(applicant) for each in self._known.get(key, ())
        )
        return find_matches(applicant, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFile:
    """What an economy has on file that can be any of some applicants."""

    passports: Mapping[tuple[str, str], Passport]
    """By issuer and number."""
    people: People

    @classmethod
    def of(
        cls, session: Session, economy: str, applicants: Collection[Identity]
    ) -> "OnFile":
        """Read it, with a few queries however many applicants there are.

        Args:
            session: The session at work.
            economy: Whose records; hosted here or not.
            applicants: At most some thousands: each is an argument of a query.
        """
        passports = session.scalars(
            select(Passport).where(
                Passport.economy == economy,
                Passport.number.in_({each.passport_number for each in applicants}),
            )
        ).all()
        people = People()
        for condition in _conditions(passports, applicants):
            for known in _read(session, economy, condition):
                people.add(known)
        return cls(
            passports={(each.issuer, each.number): each for each in passports},
            people=people,
        )

    def alike(self, applicant: Identity) -> list[int]:
        """Return the persons who may be one of the applicants it was read for."""
        return sorted({int(each.reference) for each in self.people.matches(applicant)})


def _conditions(
    passports: Collection[Passport], applicants: Collection[Identity]
) -> Iterator[ColumnElement[bool]]:
    """Yield what `People` wants to know, each on an index of its own."""
    yield Person.id.in_({each.person_id for each in passports})
    yield Person.birthdate.in_({each.birthdate for each in applicants})
    names = {(each.family_name, each.given_name) for each in applicants}
    yield tuple_(Person.machine_family_name, Person.machine_given_name).in_(names)


def _read(
    session: Session, economy: str, condition: ColumnElement[bool]
) -> Iterator[Known]:
    columns: tuple[Any, ...] = (
        Person.id,
        Person.machine_family_name,
        Person.machine_given_name,
        Person.birthdate,
        Person.nationality,
        Passport.issuer,
        Passport.number,
    )
    query = (
        select(*columns)
        .join(Passport, Passport.person_id == Person.id)
        .where(Person.economy == economy, condition)
    )
    for number, family, given, born, nationality, issuer, passport in session.execute(
        query
    ):
        yield Known(
            reference=str(number),
            identity=Identity(
                family_name=family,
                given_name=given,
                birthdate=born,
                nationality=nationality,
                passport_country=issuer,
                passport_number=passport,
            ),
        )


def _keys(identity: Identity) -> tuple[Hashable, ...]:
    return (
        ("passport", identity.passport_number),
        ("born", identity.birthdate),
        ("named", identity.family_name, identity.given_name),
    )
