"""Days and times as ``DTM`` writes them.

They are of the place that they are about: a flight leaves and arrives by local clocks,
so none of them is a moment. Years of two digits are of this century; a birth date,
whose century nobody knows, is not read here.
"""

import re
from datetime import date, time
from typing import Final, NamedTuple

from ..errors import EdifactFault
from .segments import Segment

_DIGITS: Final = re.compile(r"[0-9]+")
_LENGTHS: Final = {"101": 6, "102": 8, "201": 10, "203": 12}
"""By format code: ``YYMMDD``, ``CCYYMMDD``, and both with ``HHMM``."""
_LONG: Final = frozenset({"102", "203"})
_CENTURY: Final = 2000


class LocalTime(NamedTuple):
    """A day, and a time of it where one is said."""

    day: date
    clock: time | None = None


def parse_day(segment: Segment) -> date:
    """Read the day of a ``DTM``; without a format code it is ``YYMMDD``.

    Raises:
        EdifactError: It is no day.
    """
    return parse_moment(segment).day


def parse_moment(segment: Segment) -> LocalTime:
    """Read day and time of a ``DTM``; without a format code it is ``YYMMDD``.

    Raises:
        EdifactError: It is no day, or no time.
    """
    text, form = segment.need(1, 2), segment.get(1, 3) or "101"
    if len(text) != _LENGTHS.get(form) or not _DIGITS.fullmatch(text):
        raise segment.fault(EdifactFault.VALUE, "is no day of its format", 1, 2)
    short = text if form in _LONG else f"{_CENTURY // 100}{text}"
    try:
        day = date(int(short[:4]), int(short[4:6]), int(short[6:8]))
        clock = time(int(short[8:10]), int(short[10:12])) if short[8:] else None
    except ValueError as error:
        raise segment.fault(EdifactFault.VALUE, "is no day", 1, 2) from error
    return LocalTime(day, clock)


def day_text(day: date) -> str:
    """Write a day as ``YYMMDD``."""
    return f"{day:%y%m%d}"


def moment_text(at: LocalTime) -> str:
    """Write day and time as ``YYMMDDHHMM``; without a time, midnight."""
    return f"{at.day:%y%m%d}{at.clock or time(0, 0):%H%M}"
