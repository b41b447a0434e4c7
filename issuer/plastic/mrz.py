"""The machine-readable lines of a card of size TD1.

This is the issuer's own reading of ICAO Doc 9303; nothing of it is shared with the
verifier, which reads such lines, so that a mistake in one shows in the other.
"""

import re
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from typing import Final, Literal

from issuer.errors import ProfileError

Sex = Literal["F", "M", "X"]
"""As in the visual zone; ``X`` is unspecified."""

LINES: Final = 3
LENGTH: Final = 30
"""Characters of each line; the names have the whole of the third."""

_NUMBER_PLACES: Final = 9
_MOST_FAMILY_PLACES: Final = LENGTH - len("<<") - 1
"""What leaves room for the first letter of the given names."""
_DOCUMENT_CODE = re.compile(r"[ACI][A-UW-Z<]?")
_STATE = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[A-Z0-9]{1,22}")
_NAME = re.compile(r"[A-Z]+(?: [A-Z]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What the three lines say.

    Raises:
        ProfileError: A field is not of its grammar; ``field`` names it.

    Not checked: that a code is in use, or who may use it.
    """

    document_code: str
    """``A``, ``C`` or ``I``, and perhaps a second letter, never ``V``; not ``AC``,
    which is the certificate of a crew member."""
    issuing_state: str
    """Alpha-3 code; Germany is ``DEU``."""
    document_number: str
    """1 to 22 of ``A-Z0-9``."""
    birthdate: date
    sex: Sex
    expires_on: date
    nationality: str
    """Alpha-3 code."""
    family_name: str
    """Words of ``A`` to ``Z`` with single spaces."""
    given_name: str
    """The same; empty for a holder who has one name only."""

    def __post_init__(self) -> None:
        code = self.document_code
        if not _DOCUMENT_CODE.fullmatch(code) or code == "AC":
            raise ProfileError(
                "document_code", "is no code of a TD1 card: A, C or I, and a letter"
            )
        for field, grammar in (
            ("issuing_state", _STATE),
            ("nationality", _STATE),
            ("document_number", _NUMBER),
            ("family_name", _NAME),
        ):
            if not grammar.fullmatch(getattr(self, field)):
                raise ProfileError(field, "cannot stand in machine-readable lines")
        if self.given_name and not _NAME.fullmatch(self.given_name):
            raise ProfileError("given_name", "cannot stand in machine-readable lines")
        if self.sex not in ("F", "M", "X"):
            raise ProfileError("sex", "is not F, M or X")


def td1_lines(said: Lines) -> tuple[str, str, str]:
    """Write the lines of a card.

    The optional fields stay empty, but for the end of a number of more than nine
    characters, which the standard puts there.

    Returns:
        Three lines of 30 characters of ``A-Z0-9<``.

    Source: ICAO Doc 9303, part 5, section 4.2.2; part 3, sections 4 and 5.
    """
    number, optional = _number(said.document_number)
    upper = said.document_code.ljust(2, "<") + _state(said.issuing_state)
    upper += number + optional
    born, ends = _checked(_day(said.birthdate)), _checked(_day(said.expires_on))
    sex = "<" if said.sex == "X" else said.sex
    more = "<" * 11
    composite = check_digit(upper[5:] + born + ends + more)
    middle = born + sex + ends + _state(said.nationality) + more + composite
    return upper, middle, name_line(said.family_name, said.given_name)


def name_line(family_name: str, given_name: str) -> str:
    """Write both names in 30 places, cut as the standard asks.

    Names that do not fit keep at least the first letter of the given names, the family
    name loses as little as possible, and the last place is a letter, which says that
    something may be missing. Where the cut would fall between two names, the longest
    one before it loses its last letter instead.

    Args:
        family_name: Words of ``A`` to ``Z`` with single spaces.
        given_name: The same, or empty.

    Source: ICAO Doc 9303, part 5, section 4.2.4.
    """
    family, given = family_name.replace(" ", "<"), given_name.replace(" ", "<")
    whole = f"{family}<<{given}" if given else family
    if len(whole) <= LENGTH:
        return whole.ljust(LENGTH, "<")
    if not given:
        return (_cut(family, LENGTH) or family[: LENGTH - 1]).ljust(LENGTH, "<")
    return _cut_both(family, given)


def _cut_both(family: str, given: str) -> str:
    most = min(len(family), _MOST_FAMILY_PLACES)
    for places in range(most, 0, -1):
        first = _cut(family, places)
        rest = _cut(given, LENGTH - len("<<") - places)
        if first and rest:
            return f"{first}<<{rest}"
    raise ProfileError("family_name", "cannot be cut to the machine-readable lines")


def _cut(name: str, places: int) -> str | None:
    """Fill exactly so many places, the last with a letter; None if that cannot be."""
    if len(name) < places:
        return None
    if name[places - 1] != "<":
        return name[:places]
    words = name[: places - 1].split("<")
    longest = max(range(len(words)), key=lambda place: len(words[place]))
    if len(words[longest]) == 1:
        return None
    words[longest] = words[longest][:-1]
    return "<".join(words) + "<" + name[places]


def check_digit(field: str) -> str:
    """Return the check digit of characters of ``A-Z0-9<``.

    Source: ICAO Doc 9303, part 3, section 4.9.
    """
    weights = cycle((7, 3, 1))
    values = (0 if letter == "<" else int(letter, 36) for letter in field)
    pairs = zip(values, weights, strict=False)
    return str(sum(value * weight for value, weight in pairs) % 10)


def _checked(field: str) -> str:
    return field + check_digit(field)


def _number(number: str) -> tuple[str, str]:
    """Return number and optional data; the latter takes what nine places do not."""
    room = LENGTH - 5 - _NUMBER_PLACES - 1
    if len(number) <= _NUMBER_PLACES:
        return _checked(number.ljust(_NUMBER_PLACES, "<")), "<" * room
    rest = number[_NUMBER_PLACES:] + check_digit(number)
    return number[:_NUMBER_PLACES] + "<", rest.ljust(room, "<")


def _state(code: str) -> str:
    """Germany is the one code that the lines spell otherwise (part 3, section 5)."""
    return "D<<" if code == "DEU" else code


def _day(day: date) -> str:
    return f"{day.year % 100:02}{day.month:02}{day.day:02}"
