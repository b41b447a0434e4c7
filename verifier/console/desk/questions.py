"""What a desk is asked, read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ... import MrzError, Passport
from ...card import is_economy_code
from ...entry_basis import MAX_CODE_AGE
from ..requests import MAX_CODE, RequestError, members, text
from .book import normal_reference

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
_CLOCK_SKEW: Final = timedelta(minutes=1)
_REQUIRED: Final = ("destination", "arrival")
_OPTIONAL: Final = ("code", "passport", "code_read_at", "previous")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One passenger, one destination, one day."""

    destination: str
    arrival: date
    code: str | None
    passport: Passport | None
    code_read_at: datetime | None = None
    previous: str | None = None
    """Reference of an earlier answer."""


def parse_question(data: bytes) -> Question:
    """Read ``POST answers``.

    Raises:
        RequestError: It is another request.
        MrzError: The passport's lines cannot be believed.
    """
    found = members(data, required=_REQUIRED, optional=_OPTIONAL)
    code, read_at, previous = (
        _text_or_none(found, name) for name in ("code", "code_read_at", "previous")
    )
    passport = found.get("passport")
    if passport is not None and not isinstance(passport, dict):
        raise RequestError("passport is neither an object nor null")
    if code is None and passport is None:
        raise RequestError("neither code nor passport")
    return Question(
        destination=parse_destination(text(found, "destination")),
        arrival=parse_day(text(found, "arrival")),
        code=code,
        passport=None if passport is None else _passport(passport),
        code_read_at=None if read_at is None else parse_moment(read_at),
        previous=None if previous is None else normal_reference(previous),
    )


def parse_destination(code: str) -> str:
    """Read the code of an economy.

    Raises:
        RequestError: It is none by its form.
    """
    if not is_economy_code(code):
        raise RequestError("destination is no alpha-3 code")
    return code


def parse_day(day: str) -> date:
    """Read ``YYYY-MM-DD`` of this century.

    Raises:
        RequestError: It is no such day.
    """
    try:
        found = date.fromisoformat(day) if _DAY.fullmatch(day) else None
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year < 2100:
        raise RequestError("arrival is no day such as 2030-01-18")
    return found


def parse_moment(moment: str) -> datetime:
    """Read a moment with its offset, of this century.

    Raises:
        RequestError: It is no such moment.
    """
    try:
        found = datetime.fromisoformat(moment) if _MOMENT.fullmatch(moment) else None
    except ValueError:
        found = None
    if found is None or not 2000 < found.year < 2099:
        raise RequestError("code_read_at is no moment such as 2030-01-15T08:30:00Z")
    return found.astimezone(UTC)


def waited(read_at: datetime | None, now: datetime) -> datetime | None:
    """Return when a code was read that is asked about now.

    A clock that was put right in between may say that it will be; by up to a minute
    that means now.

    Raises:
        RequestError: It is later, or more than 72 hours before.
    """
    if read_at is None:
        return None
    if not -_CLOCK_SKEW <= now - read_at <= MAX_CODE_AGE:
        raise RequestError("code_read_at is not of the last 72 hours")
    return min(read_at, now)


def _text_or_none(found: Mapping[str, object], name: str) -> str | None:
    value = found.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > MAX_CODE):
        raise RequestError(f"{name} is neither text of {MAX_CODE} characters nor null")
    return value


def _passport(said: dict[str, object]) -> Passport:
    if said.keys() == {"mrz"}:
        return Passport.from_mrz(text(said, "mrz"))
    if said.keys() != {"country", "number"}:
        raise RequestError("passport has mrz, or country and number")
    return typed_passport(text(said, "country"), text(said, "number"))


def typed_passport(country: str, number: str) -> Passport:
    """Read economy and number of a passport as typed.

    Raises:
        MrzError: They are none.
    """
    try:
        return Passport.parse(f"{country}:{number}")
    except ValueError as error:
        raise MrzError(str(error)) from error
