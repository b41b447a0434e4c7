"""Whether an applicant is somebody who is known already.

The answer is graded and for a person to decide: nothing is ever merged here.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Self

from issuer.intake.fields import Application


class Grade(IntEnum):
    """How alike two applicants are; the smaller, the more alike."""

    SAME_PASSPORT = 1
    """The same passport number of the same issuer.  If `Match.differs` names more than
    the passport, one of the two records is wrong or a document is misused."""
    SAME_PERSON = 2
    """The same names, birth date and nationality on another passport."""
    NEAR = 3
    """One slip of the pen away from one of these; see `find_matches`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What applicants are compared by."""

    family_name: str
    """As the card carries it; a name without a proposal as it was given."""
    given_name: str
    birthdate: date
    nationality: str
    passport_country: str
    passport_number: str

    @classmethod
    def of(cls, application: Application) -> Self:
        """Return what an application is compared by."""
        person, passport, names = (
            application.person,
            application.passport,
            application.names,
        )
        return cls(
            family_name=names.machine_family or names.family_name,
            given_name=names.given_name
            if names.machine_given is None
            else names.machine_given,
            birthdate=person.birthdate,
            nationality=person.nationality,
            passport_country=passport.country,
            passport_number=passport.number,
        )

    @property
    def person_key(self) -> tuple[str, str, str, str]:
        """Normalised names, birth date and nationality: equal for one person."""
        return (
            normalise(self.family_name),
            normalise(self.given_name),
            self.birthdate.isoformat(),
            self.nationality,
        )

    @property
    def passport_key(self) -> tuple[str, str]:
        """Issuer and number: equal for one passport."""
        return self.passport_country, self.passport_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody who is on file."""

    reference: str
    """How the caller finds the record again."""
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A record that may be the applicant's."""

    reference: str
    grade: Grade
    differs: tuple[str, ...]
    """Fields of `Identity` that are not the same, for showing beside each other."""


def normalise(name: str) -> str:
    """Return a name without case, width, composition and outer or double spaces."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def find_matches(applicant: Identity, known: Iterable[Known]) -> tuple[Match, ...]:
    """Grade records against an applicant, the most alike first.

    Near is each of these, where "slip" is one character added, left out or replaced, or
    two neighbours exchanged:

    * the same passport issuer and birth date, the number one slip away;
    * the same birth date and nationality, the names together one slip away, or the same
      words in another order (family and given names exchanged);
    * the same names and nationality, the birth date one slip away, or with day and
      month exchanged.

    Args:
        applicant: Who applies.
        known: Records to compare with.  To find every match the caller selects those
            with the passport number, with the birth date, or with the names; comparing
            takes microseconds each.

    Returns:
        One match for each record that is alike, those of one grade in the given order.
        An empty answer does not prove that the person is new.

    Not checked: other spellings of a name, faces, and people with two nationalities.
    """
    graded = (
        (_grade(applicant, each.identity), each.reference, each.identity)
        for each in known
    )
    matches = [
        Match(
            reference=reference, grade=grade, differs=_differences(applicant, identity)
        )
        for grade, reference, identity in graded
        if grade is not None
    ]
    return tuple(sorted(matches, key=lambda match: match.grade))


def is_one_slip(first: str, second: str) -> bool:
    """Tell whether one character, or the order of two neighbours, is the difference.

    >>> is_one_slip("MULLER", "MULELR"), is_one_slip("LEE", "LI")
    (True, False)
    """
    if first == second or abs(len(first) - len(second)) > 1:
        return False
    shorter, longer = sorted((first, second), key=len)
    start = next(
        (i for i, sign in enumerate(shorter) if sign != longer[i]), len(shorter)
    )
    rest_short, rest_long = shorter[start:], longer[start:]
    if len(shorter) < len(longer):
        return rest_short == rest_long[1:]
    exchanged = rest_short[:2] == rest_long[1::-1] and rest_short[2:] == rest_long[2:]
    return exchanged or rest_short[1:] == rest_long[1:]


def _grade(one: Identity, other: Identity) -> Grade | None:
    if one.passport_key == other.passport_key:
        return Grade.SAME_PASSPORT
    if one.person_key == other.person_key:
        return Grade.SAME_PERSON
    near = (
        _has_near_passport(one, other)
        or _has_near_names(one, other)
        or _has_near_birthdate(one, other)
    )
    return Grade.NEAR if near else None


def _has_near_passport(one: Identity, other: Identity) -> bool:
    return (
        one.birthdate == other.birthdate
        and one.passport_country == other.passport_country
        and is_one_slip(one.passport_number, other.passport_number)
    )


def _has_near_names(one: Identity, other: Identity) -> bool:
    if (one.birthdate, one.nationality) != (other.birthdate, other.nationality):
        return False
    first, second = _full_name(one), _full_name(other)
    return is_one_slip(first, second) or sorted(first.split()) == sorted(second.split())


def _has_near_birthdate(one: Identity, other: Identity) -> bool:
    if one.nationality != other.nationality or _full_name(one) != _full_name(other):
        return False
    first, second = one.birthdate, other.birthdate
    exchanged = (first.year, first.month, first.day) == (
        second.year,
        second.day,
        second.month,
    )
    return exchanged or is_one_slip(f"{first:%Y%m%d}", f"{second:%Y%m%d}")


def _full_name(identity: Identity) -> str:
    return normalise(f"{identity.family_name} {identity.given_name}")


def _differences(one: Identity, other: Identity) -> tuple[str, ...]:
    pairs = (
        ("family_name", normalise(one.family_name), normalise(other.family_name)),
        ("given_name", normalise(one.given_name), normalise(other.given_name)),
        ("birthdate", one.birthdate, other.birthdate),
        ("nationality", one.nationality, other.nationality),
        ("passport_country", one.passport_country, other.passport_country),
        ("passport_number", one.passport_number, other.passport_number),
    )
    return tuple(name for name, first, second in pairs if first != second)
