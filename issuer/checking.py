"""What an officer sees before an application is entered: names, and who is alike."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pydantic import Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from issuer.applications import UNDECIDED, PassportFields, PersonFields, read_typed
from issuer.intake.duplicates import Identity, Known, Match, find_matches
from issuer.intake.names import NameProposal
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.store import Application, Card, Passport, Person, Role


class Check(Request):
    """What was typed so far."""

    person: PersonFields = Field(description="Who applies.")
    passport: PassportFields = Field(description="The passport of the card.")
    application: int | None = Field(
        None, description="The draft that is corrected: its own person is not alike."
    )


class Difference(Answer):
    """A name that the table and the passport's lines write differently."""

    field: str
    proposed: str
    shown: str
    """In the passport's lines; it wins."""


class Alike(Answer):
    """Somebody on file who may be the applicant, for comparing."""

    person: int
    family_name: str
    given_name: str
    birthdate: date
    nationality: str
    passport_country: str
    passport_number: str
    grade: int
    """1: the same passport; 2: the same person by name, birth date and nationality; 3:
    one slip away."""
    differs: tuple[str, ...]
    cards: int
    """How many cards they have or had."""
    open_application: int | None
    """One that nobody has decided; there can be only one."""


class Checked(Answer):
    """The names for the card, and who is alike."""

    machine_family_name: str | None
    """None: there is no table for this script; type what the passport shows."""
    machine_given_name: str | None
    needs_confirmation: bool
    why: tuple[str, ...]
    differences: tuple[Difference, ...]
    notices: tuple[str, ...]
    alike: tuple[Alike, ...]


@operation(
    "application.check",
    "Read what was typed, propose the names for the card, and find persons on file who"
    " are alike; that their records were read is logged.",
    Role.INTAKE,
    changes=False,
)
def check(desk: Desk, given: Check) -> Checked:
    """Check an application before it is entered.

    Raises:
        Invalid: Fields are wrong; each is named.
        NotFound: ``application`` is none of this economy's.
    """

    def work(session: Session) -> Checked:
        typed = read_typed(desk, session, given.person, given.passport)
        own = _own_person(session, desk, given.application)
        alike = alike_to(session, desk, Identity.of(typed), own)
        desk.log(
            session,
            "queue:read",
            "queue:alike",
            queue="alike",
            records=[each.person for each in alike],
            count=len(alike),
        )
        return _checked(typed.names, [each.message for each in typed.notices], alike)

    return desk.write(work)


def _checked(
    names: NameProposal, notices: Iterable[str], alike: Sequence[Alike]
) -> Checked:
    return Checked(
        machine_family_name=names.machine_family,
        machine_given_name=names.machine_given,
        needs_confirmation=names.needs_confirmation,
        why=tuple(map(str, names.why)),
        differences=tuple(
            Difference(field=each.field, proposed=each.proposed, shown=each.shown)
            for each in names.differences
        ),
        notices=tuple(notices),
        alike=tuple(alike),
    )


def _own_person(session: Session, desk: Desk, application: int | None) -> int | None:
    if application is None:
        return None
    return desk.find(session, Application, application).person_id


def alike_to(
    session: Session, desk: Desk, applicant: Identity, own: int | None
) -> list[Alike]:
    """Return who on file may be an applicant, but for ``own``; the caller logs it."""
    found = _near(session, desk, applicant)
    known = [
        Known(
            reference=str(passport.id),
            identity=Identity(
                family_name=person.machine_family_name,
                given_name=person.machine_given_name,
                birthdate=person.birthdate,
                nationality=person.nationality,
                passport_country=passport.issuer,
                passport_number=passport.number,
            ),
        )
        for person, passport in found.values()
    ]
    best: dict[int, Alike] = {}
    for match in find_matches(applicant, known):
        person, passport = found[int(match.reference)]
        if person.id != own and person.id not in best:
            best[person.id] = _shown(session, person, passport, match)
    return list(best.values())


def _near(
    session: Session, desk: Desk, applicant: Identity
) -> Mapping[int, tuple[Person, Passport]]:
    """Read those who share the family name, the birth date or the passport's number."""
    same_passport = select(Passport.person_id).where(
        Passport.economy == desk.economy, Passport.number == applicant.passport_number
    )
    rows = session.execute(
        select(Person, Passport)
        .join(Passport, Passport.person_id == Person.id)
        .where(
            Person.economy == desk.economy,
            or_(
                Person.machine_family_name == applicant.family_name,
                Person.birthdate == applicant.birthdate,
                Person.id.in_(same_passport),
            ),
        )
    )
    return {passport.id: (person, passport) for person, passport in rows}


def _shown(session: Session, person: Person, passport: Passport, match: Match) -> Alike:
    cards = session.scalars(select(Card.id).where(Card.person_id == person.id)).all()
    undecided = select(Application.id).where(
        Application.person_id == person.id, Application.state.in_(UNDECIDED)
    )
    return Alike(
        person=person.id,
        family_name=person.family_name,
        given_name=person.given_name,
        birthdate=person.birthdate,
        nationality=person.nationality,
        passport_country=passport.issuer,
        passport_number=passport.number,
        grade=int(match.grade),
        differs=match.differs,
        cards=len(cards),
        open_application=session.scalars(undecided).first(),
    )
