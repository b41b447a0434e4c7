"""Numbers that an officer types from a card or a passport: can they be right?

Typed data proves nothing about a card. What can be told is whether it was typed as it
is printed: characters, lengths, and the check digit where one was typed with it.
"""

import re
from dataclasses import dataclass
from typing import Final

from .._mrz import compute_check_digit

_NUMBER: Final = re.compile(r"[A-Z0-9]{1,22}")
_TYPED: Final = re.compile(r"[A-Z0-9<]{1,22}")
_WITH_DIGIT: Final = re.compile(r"[A-Z0-9<]{9}[0-9]")
"""A number as a machine-readable line has it: nine places, then its check digit."""
_SPACE: Final = re.compile(r"[\s.-]+")
_MAX_TYPED: Final = 64
_ALIKE: Final = ("0OQD", "1IL", "2Z", "5S", "6G", "8B", "UV", "4A")
"""Characters that are taken for each other in print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """One character that is perhaps another."""

    place: int
    """From 1."""
    typed: str
    perhaps: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One field as it was typed."""

    number: str
    """Capitals, without spaces, fillers and check digit; empty if that is unclear."""
    state: str
    """``right`` (its check digit is), ``unchecked`` (none was typed), ``wrong`` (its
    check digit is another), ``form`` (a character or a length cannot be)."""
    place: int | None = None
    """Of the first character that cannot be, from 1."""
    alike: tuple[Alike, ...] = ()
    """Single characters that would make the check digit right."""

    @property
    def is_possible(self) -> bool:
        """Whether a card or a passport can have this number."""
        return self.state in {"right", "unchecked"}


def read_number(text: str) -> Typed:
    """Read a number as it was typed.

    Lower case, spaces, dots and hyphens are taken as people type them. Ten places of
    which the last is a digit are nine and their check digit: no number of a passport
    is that long.

    >>> read_number("L898902C36").state
    'right'
    >>> [each.perhaps for each in read_number("L8989O2C36").alike]
    ['0']

    Args:
        text: Anything; at most 64 characters are looked at.

    Source: ICAO Doc 9303, part 3, section 4.9.
    """
    plain = _SPACE.sub("", text[:_MAX_TYPED]).upper()
    if not _TYPED.fullmatch(plain):
        return Typed(number="", state="form", place=_first_foreign(plain))
    if not _WITH_DIGIT.fullmatch(plain):
        number = plain.rstrip("<")
        is_number = bool(_NUMBER.fullmatch(number))
        return Typed(
            number=number if is_number else "",
            state="unchecked" if is_number else "form",
        )
    field, digit = plain[:-1], plain[-1]
    number = field.replace("<", "")
    if not number:
        return Typed(number="", state="form")
    if compute_check_digit(field) == digit:
        return Typed(number=number, state="right")
    return Typed(number=number, state="wrong", alike=_alike(field, digit))


def _first_foreign(plain: str) -> int | None:
    places = (
        place for place, each in enumerate(plain, 1) if not _TYPED.fullmatch(each)
    )
    return next(places, None)


def _alike(field: str, digit: str) -> tuple[Alike, ...]:
    found = []
    for place, typed in enumerate(field):
        for other in _others(typed):
            changed = field[:place] + other + field[place + 1 :]
            if compute_check_digit(changed) == digit:
                found.append(Alike(place=place + 1, typed=typed, perhaps=other))
    return tuple(found)


def _others(character: str) -> str:
    groups = [group for group in _ALIKE if character in group]
    return "".join(dict.fromkeys("".join(groups))).replace(character, "")
