"""Facts that change over time (specification, section 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Generic, TypeVar

T = TypeVar("T")
_OPEN_START = datetime.min.replace(tzinfo=UTC)
_OPEN_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From a moment (included) until a moment (excluded)."""

    start: datetime = _OPEN_START
    end: datetime = _OPEN_END

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("until is not after from")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def overlaps(self, other: "Period") -> bool:
        """Tell whether some moment lies in both."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """One fact over time: at most one value at any moment."""

    entries: tuple[tuple[Period, T], ...] = ()

    def __post_init__(self) -> None:
        for (first, _), (second, _) in combinations(self.entries, 2):
            if first.overlaps(second):
                raise ValueError("two entries apply at the same moment")

    def at(self, moment: datetime) -> T | None:
        """Return the value at ``moment``, or None if it is not known."""
        for period, value in self.entries:
            if moment in period:
                return value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedFact:
    """A row of a trust document as published: for people to read, not to decide by."""

    key: str
    """Under what it stands there, such as ``max_stay`` or ``pair_rules``."""
    says: Mapping[str, str | int | bool | tuple[str, ...] | None]
    """Its own members, such as ``value`` and ``unit``."""
    starts_at: datetime | None
    """From when it holds; None where the row gives no start."""
    ends_at: datetime | None
    """Until when, excluded; None where the row gives no end."""
    mark: str
    """How sure it is: ``verified``, ``reported`` or ``assumed``; may be empty."""
    source: str
    """Who says so; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A number of days or of calendar months."""

    value: int
    unit: str

    def after(self, day: date) -> date:
        """Return the day that lies this span after ``day``.

        A day that the target month lacks becomes its last.
        """
        if self.unit == "days":
            return day + timedelta(days=self.value)
        years, month = divmod(day.month - 1 + self.value, 12)
        first = date(day.year + years, month + 1, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return first.replace(day=min(day.day, last.day))
