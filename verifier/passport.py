"""The passport that an officer holds, and whether it is the card's.

A card names exactly one passport.  A photographed or relayed card fails here,
because the passport in hand has another number.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NoReturn, Self

from ._mrz import (
    MAX_NAME,
    MAX_NUMBER,
    MrzError,
    expand_state,
    is_possible_birthdate,
    parse_zone,
    transliterate,
)

__all__ = [
    "FieldMatch",
    "MrzError",
    "Passport",
    "PassportComparison",
    "compare",
    "transliterate",
]

_CODE = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(rf"[A-Z0-9]{{1,{MAX_NUMBER}}}")
_NAME = re.compile(r"[A-Z]+(?: [A-Z]+)*")
_SEX = re.compile(r"[FMX]")
_TYPED = re.compile(r"([A-Za-z]{3}|[Dd]):([A-Za-z0-9<]{1,44})")
_CARD_BIRTHDATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """What was read of a passport; ``None`` is a field that was not read.

    Attributes:
        country: Alpha-3 code of the issuing state or organization; Germany is
            ``DEU``.  It need not be an economy of the scheme.
        number: 1 to 22 of ``A-Z0-9``, without fillers or spaces.
        family_name: Words of ``A-Z`` joined by single spaces, 1 to 39
            characters; read together with ``given_name``, or neither is.
        given_name: The same, or empty if the holder has one name only.
        nationality: Alpha-3 code, as for ``country``.
        birthdate: ``YYMMDD`` as printed, with ``<<`` for an unknown year,
            month or day: the century is not in the passport's lines.
        sex: ``F``, ``M``, or ``X`` for unspecified.
        expires_on: Last day of validity.
        names_truncated: The names filled their field to the last place, so
            that they may have been cut.

    Raises:
        ValueError: A field has another form, or one name was given alone.

    Not checked: that codes are assigned, that the passport is valid today.

    Source: ICAO Doc 9303, parts 3 to 6.
    """

    country: str
    number: str
    family_name: str | None = None
    given_name: str | None = None
    nationality: str | None = None
    birthdate: str | None = None
    sex: str | None = None
    expires_on: date | None = None
    names_truncated: bool = False

    def __post_init__(self) -> None:
        _require("country", self.country, _CODE, "three letters A to Z")
        _require("number", self.number, _NUMBER, "1 to 22 letters A to Z and digits")
        if self.nationality is not None:
            _require("nationality", self.nationality, _CODE, "three letters A to Z")
        if self.sex is not None:
            _require("sex", self.sex, _SEX, "F, M or X")
        if isinstance(self.expires_on, datetime):  # a date that compares with no date
            msg = "expires_on is a moment, not a day"
            raise ValueError(msg)
        if self.birthdate is not None and not is_possible_birthdate(self.birthdate):
            msg = "birthdate is not YYMMDD with << for unknown parts"
            raise ValueError(msg)
        self._check_names()

    @property
    def is_fully_read(self) -> bool:
        """Whether all that a card can be compared with was read, and the end."""
        read = (self.family_name, self.birthdate, self.expires_on)
        return None not in read

    def _check_names(self) -> None:
        if (self.family_name is None) != (self.given_name is None):
            msg = "family_name and given_name are read together or not at all"
            raise ValueError(msg)
        if self.family_name is None and self.names_truncated:
            msg = "names_truncated without names"
            raise ValueError(msg)
        if self.family_name is not None:
            _require_name("family_name", self.family_name)
        if self.given_name:
            _require_name("given_name", self.given_name)

    @classmethod
    def from_mrz(cls, text: str) -> Self:
        """Read the machine readable zone of a passport or identity card.

        All check digits are checked.  Lower case letters, white space around
        a line and empty lines around the whole are accepted, because people
        type and paste; nothing else is mended.

        Args:
            text: Three lines of 30 (TD1), two of 36 (TD2) or two of 44 (TD3)
                characters, separated by newlines or put one after another.

        Returns:
            A passport with all fields; ``nationality`` is ``None`` if the
            document leaves it out.  The year of expiry is of this century.

        Raises:
            MrzError: ``text`` is anything else, or a visa, or a check digit
                is wrong.  The message names line and column.

        Not checked: names, sex, codes and the kind of document beyond their
        form: no check digit covers them.  A swap of two characters whose
        values agree modulo ten, such as ``0``, ``A``, ``K``, ``U`` and ``<``,
        leaves check digits right.

        Source: ICAO Doc 9303, part 3, section 4; parts 4, 5 and 6, section
        4.2.
        """
        zone = parse_zone(text)
        zone.check_document_code()
        country, number = zone.parse_issuer(), zone.parse_number()
        birthdate, expires_on = zone.parse_birthdate(), zone.parse_expiry()
        zone.check_optional_data()
        zone.check_composite()
        family_name, given_name = zone.parse_names()
        return cls(
            country=country,
            number=number,
            family_name=family_name,
            given_name=given_name,
            nationality=zone.parse_nationality(),
            birthdate=birthdate,
            sex=zone.parse_sex(),
            expires_on=expires_on,
            names_truncated=zone.has_full_name_field(),
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``COUNTRY:NUMBER`` as typed on a command line.

        >>> Passport.parse("aus:PA1234567").number
        'PA1234567'

        Args:
            text: Alpha-3 code (or ``D``), a colon and the document number;
                either case; fillers in the number are dropped.

        Returns:
            A passport with these two fields only.

        Raises:
            ValueError: ``text`` has another form.
        """
        typed = _TYPED.fullmatch(text)
        if typed is None:
            msg = "a passport is written COUNTRY:NUMBER, such as AUS:PA1234567"
            raise ValueError(msg)
        country, number = typed[1].upper(), typed[2].upper()
        return cls(country=expand_state(country), number=number.replace("<", ""))


class FieldMatch(StrEnum):
    """Whether a field of the passport agrees with the card."""

    SAME = "same"
    """Both agree, as far as the passport shows the field."""

    DIFFERS = "differs"
    """They cannot be the same."""

    NOT_READ = "not_read"
    """The passport's field was not read, or the passport says it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportComparison:
    """How a passport and a card agree, field by field.

    It has no truth value: look at the fields that your policy needs.
    """

    country: FieldMatch
    number: FieldMatch
    birthdate: FieldMatch
    nationality: FieldMatch
    names: FieldMatch

    def __bool__(self) -> NoReturn:
        msg = "a PassportComparison is neither true nor false; look at its fields"
        raise TypeError(msg)


def compare(
    passport: Passport,
    *,
    country: str,
    number: str,
    family_name: str,
    given_name: str,
    nationality: str,
    birthdate: str,
) -> PassportComparison:
    """Compare what was read of a passport with what a card claims.

    Country, nationality and number are compared exactly, the number without
    fillers.  A birth date is compared in its two-digit year, month and day as
    far as the passport knows them.  Names are compared exactly, family and
    given names each; but if the passport's names filled their field, a word
    may be cut to its beginning or initial, and the last words may be missing:
    all given names, given names from the last one, and words of the family
    name only if no given name is left.

    Args:
        passport: The passport in the officer's hand.
        country: The card's ``passport.country``, alpha-3.
        number: The card's ``passport.number``.
        family_name: As on the card: MRZ letters, at most 39 characters.
        given_name: The same; may be empty.
        nationality: As on the card, alpha-3.
        birthdate: As on the card, ``YYYY-MM-DD``.

    Returns:
        One answer for each field, and one for both names.

    Raises:
        ValueError: ``birthdate`` is not of the form ``YYYY-MM-DD``.

    Not checked: which differences matter; that the passport is valid; other
    permitted transliterations of a name, such as A for AE.

    Source: ICAO Doc 9303, parts 4, 5 and 6, section 4.2.3 (truncation).
    """
    return PassportComparison(
        country=_match(passport.country == country),
        number=_match(passport.number == number.replace("<", "")),
        birthdate=_match_birthdate(passport.birthdate, birthdate),
        nationality=_match_optional(passport.nationality, nationality),
        names=_match_names(passport, family_name, given_name),
    )


def _require(field: str, value: str, pattern: re.Pattern[str], form: str) -> None:
    if not pattern.fullmatch(value):
        msg = f"{field} is not {form}"
        raise ValueError(msg)


def _require_name(field: str, value: str) -> None:
    _require(field, value, _NAME, "words of A to Z with single spaces")
    if len(value) > MAX_NAME:
        msg = f"{field} has more than {MAX_NAME} characters"
        raise ValueError(msg)


def _match(agrees: bool) -> FieldMatch:
    return FieldMatch.SAME if agrees else FieldMatch.DIFFERS


def _match_optional(read: str | None, claimed: str) -> FieldMatch:
    return FieldMatch.NOT_READ if read is None else _match(read == claimed)


def _match_birthdate(read: str | None, claimed: str) -> FieldMatch:
    if not _CARD_BIRTHDATE.fullmatch(claimed):
        msg = "the card's birthdate is not YYYY-MM-DD"
        raise ValueError(msg)
    if read is None or read == "<<<<<<":
        return FieldMatch.NOT_READ
    printed = claimed[2:].replace("-", "")
    pairs = zip(read, printed, strict=True)
    return _match(all(known in ("<", digit) for known, digit in pairs))


def _match_names(passport: Passport, family: str, given: str) -> FieldMatch:
    if passport.family_name is None or passport.given_name is None:
        return FieldMatch.NOT_READ
    read_family, read_given = passport.family_name, passport.given_name
    if not passport.names_truncated:
        return _match((read_family, read_given) == (family, given))
    # Each word of the family name keeps a place as long as given names do.
    words_kept = not read_given or len(read_family.split()) == len(family.split())
    return _match(
        words_kept and _is_cut_of(read_family, family) and _is_cut_of(read_given, given)
    )


def _is_cut_of(read: str, whole: str) -> bool:
    parts, words = read.split(), whole.split()
    return len(parts) <= len(words) and all(
        word.startswith(part) for part, word in zip(parts, words, strict=False)
    )
