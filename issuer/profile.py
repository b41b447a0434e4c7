"""What a card may contain, and until when it may be good."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, get_args

import verifier
from issuer.dated import require_aware
from issuer.economy import Form
from issuer.errors import ProfileError
from issuer.scheme import Scheme

MAX_NAME: Final = 39
"""Characters of one name: what a passport's lines hold (ICAO Doc 9303)."""
MAX_ECONOMIES: Final = 64
LAST_DAY: Final = date(2099, 12, 31)
"""The last day that a card can say (specification, section 2)."""

_NAME = re.compile(r"[A-Z]+(?: [A-Z]+)*")
_NUMBER = re.compile(r"[A-Z0-9]{1,22}")
_CODE = re.compile(r"[A-Z]{3}")
_FIRST_BIRTHDATE: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """What one card says about its holder, in the words of the passport.

    Raises:
        ProfileError: A field is not of its grammar; ``field`` names it.

    Not checked here: what the scheme says of issuer, form and economies; see
    `check_scheme`.

    Source: specification, section 3.2.
    """

    issuer: str
    """Alpha-3 code of the issuing economy."""
    document_number: str
    """Number of this card document, 1 to 22 of ``A-Z0-9``; never the application's."""
    family_name: str
    """As `machine_name` gives it; 1 to 39 characters."""
    given_name: str
    """The same; empty for a holder who has one name only."""
    birthdate: date
    """From 1900-01-01 to 2099-12-31."""
    nationality: str
    """Alpha-3 code of the passport; Germany is ``DEU``."""
    passport_country: str
    """Alpha-3 code of who issued the one linked passport."""
    passport_number: str
    """Its number, 1 to 22 of ``A-Z0-9``."""
    passport_expires_on: date
    """Its last day; not on the card, but the card may not outlive it."""
    form: Form
    economies: tuple[str, ...] = ()
    """Codes that have pre-cleared the holder, ascending, at most 64."""

    def __post_init__(self) -> None:
        for code_field in ("issuer", "nationality", "passport_country"):
            self._check_text(code_field, _CODE, "is no alpha-3 code")
        for number_field in ("document_number", "passport_number"):
            self._check_text(number_field, _NUMBER, "is not 1 to 22 of A-Z and 0-9")
        self._check_name("family_name")
        if self.given_name:
            self._check_name("given_name")
        if self.form not in get_args(Form):
            raise ProfileError("form", "is neither app nor physical")
        if not _FIRST_BIRTHDATE <= self.birthdate <= LAST_DAY:
            raise ProfileError("birthdate", "is not from 1900 to 2099")
        _check_codes(self.economies)

    def _check_text(self, field: str, grammar: re.Pattern[str], reason: str) -> None:
        if not grammar.fullmatch(getattr(self, field)):
            raise ProfileError(field, reason)

    def _check_name(self, field: str) -> None:
        if len(getattr(self, field)) > MAX_NAME:
            raise ProfileError(field, f"is longer than {MAX_NAME} characters")
        self._check_text(field, _NAME, "is not words of A to Z with single spaces")


def machine_name(name: str, *, field: str) -> str:
    """Write one name as the lines of a passport do.

    Args:
        name: Family or given name as the application has it, in any case.
        field: ``family_name`` or ``given_name``, for the error.

    Returns:
        Words of ``A`` to ``Z`` with single spaces, at most 39 characters; empty if
        ``name`` has no letters.

    Raises:
        ProfileError: A character has no transliteration (a direction control, a
            zero-width character, a digit, another script), or the result is too long.
            What to cut is for a person to decide: as the passport does.

    Not checked: that the passport shows the same name; where it differs, the
    passport's lines win.

    Source: ICAO Doc 9303, part 3, section 6; `verifier.transliterate`.
    """
    try:
        written = verifier.transliterate(name)
    except ValueError as error:
        raise ProfileError(field, str(error)) from error
    if len(written) > MAX_NAME:
        raise ProfileError(field, f"is longer than {MAX_NAME} characters")
    return written


def check_scheme(card: CardData, scheme: Scheme, *, at: datetime) -> None:
    """Check a card against what the scheme says at the moment of signing.

    Args:
        card: What the card will say.
        scheme: The loaded scheme.
        at: Moment of signing; timezone-aware.

    Raises:
        ProfileError: The issuer is no economy of the scheme; it is known not to issue
            this form at ``at``; an economy listed is none that could have pre-cleared
            this holder (the issuer itself, an excluded pair, any at all for a
            transitional issuer); or the holder is not born yet.
        ValueError: ``at`` is naive.

    Not checked: that each economy listed did pre-clear the holder.
    """
    at = require_aware(at)
    if card.issuer not in scheme.economies:
        raise ProfileError("issuer", "is no economy of the scheme")
    forms = scheme.issuance_mode(card.issuer, at)
    if forms is not None and card.form not in forms:
        raise ProfileError("form", f"is not issued by {card.issuer} at that moment")
    possible = scheme.destinations(card.issuer, card.nationality, at)
    for code in card.economies:
        if code not in possible:
            raise ProfileError("economies", f"{code} cannot have pre-cleared this card")
    if card.birthdate > at.date():
        raise ProfileError("birthdate", "is in the future")


def card_expiry(
    first_issue: date, term_years: int, passport_expires_on: date
) -> datetime:
    """Say when a card ends: after its term, or with the passport if that is earlier.

    Args:
        first_issue: Day of the first issue of the card.  A re-issue keeps it, and with
            it the end.
        term_years: Calendar years, at least 1.  The last day of the term is the same
            day of the year; 29 February becomes the 28th in a year without it.
        passport_expires_on: Last day of the linked passport.

    Returns:
        Midnight UTC at the end of the last day: the moment from which the card is no
        longer good.

    Raises:
        ProfileError: The card would end before it begins, or after 2099.
        ValueError: ``term_years`` is below 1.

    Source: specification, section 3.2; HK Immigration, BOCA and KITA for the rule.
    """
    if term_years < 1:
        raise ValueError("a term is at least 1 year")
    last = min(_same_day(first_issue, term_years), passport_expires_on)
    if last < first_issue:
        raise ProfileError("exp", "the passport ends before the card begins")
    return end_of_day(last)


def reissue_expiry(first_expiry: datetime, passport_expires_on: date) -> datetime:
    """Say when a re-issued card ends: as before, unless the passport ends earlier.

    Args:
        first_expiry: The end that the card has had since its first issue.
        passport_expires_on: Last day of the passport that is now linked.

    Returns:
        ``first_expiry``, or midnight UTC at the end of the passport's last day.

    Source: KITA.
    """
    if last_day(first_expiry) <= passport_expires_on:
        return first_expiry
    return end_of_day(passport_expires_on)


def last_day(expiry: datetime) -> date:
    """Return the UTC date of the last second before ``expiry`` (timezone-aware)."""
    return (require_aware(expiry) - timedelta(seconds=1)).date()


def end_of_day(day: date) -> datetime:
    """Return midnight UTC at the end of a day.

    Raises:
        ProfileError: That is later than a card can say.
    """
    if day > LAST_DAY:
        raise ProfileError("exp", "is after 2099")
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _check_codes(economies: tuple[str, ...]) -> None:
    if len(economies) > MAX_ECONOMIES:
        raise ProfileError("economies", f"are more than {MAX_ECONOMIES}")
    if not all(map(_CODE.fullmatch, economies)):
        raise ProfileError("economies", "hold something that is no alpha-3 code")
    if any(first >= second for first, second in pairwise(economies)):
        raise ProfileError("economies", "are not ascending, each once")


def _same_day(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
