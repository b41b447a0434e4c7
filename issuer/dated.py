"""Facts that hold for a time, with how sure we are and who says so."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
)

Mark = Literal["verified", "reported", "assumed"]
"""How sure a fact is: a government or APEC text says so; press, agents or guides
say so; general knowledge or a design choice."""

MAX_ROWS = 512
"""Entries of one list (specification, section 7)."""

_FIRST_YEAR = 1000
"""Earlier ones have fewer digits than a published moment."""


def require_aware(at: datetime) -> datetime:
    """Return the same moment in UTC, the only form in which moments are compared.

    Between two moments of one zone Python reckons by the wall clock, which is wrong by
    an hour when summer time begins or ends between them.

    Raises:
        ValueError: ``at`` has no UTC offset, or is out of range in UTC.
    """
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no UTC offset")
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range in UTC") from error


def _utc_seconds(at: datetime) -> datetime:
    if at.microsecond:
        raise ValueError("must be a whole second")
    moment = require_aware(at)
    if moment.year < _FIRST_YEAR:
        raise ValueError(f"must not be before the year {_FIRST_YEAR}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_utc_seconds)]
"""An instant in whole seconds from the year 1000, read with any offset, kept in UTC."""

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")
Rows = Annotated[tuple[_Item, ...], Strict(strict=False), Field(max_length=MAX_ROWS)]
"""A list of the file, kept as a tuple; its items are still read strictly."""


class Model(BaseModel):
    """Base of everything read from the file: frozen, exact types, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Fact(Model):
    """One dated row.

    It holds from ``starts_at`` (inclusive) until ``ends_at`` (exclusive); ``None``
    leaves that side open.  An open start also stands where the day is not known.
    """

    starts_at: Moment | None = Field(default=None, alias="from")
    ends_at: Moment | None = Field(default=None, alias="until")
    mark: Mark
    source: str = Field(min_length=1)

    @field_validator("ends_at")
    @classmethod
    def _end_follows_start(
        cls, ends_at: datetime | None, info: ValidationInfo
    ) -> datetime | None:
        starts_at = info.data.get("starts_at")
        if ends_at and starts_at and ends_at <= starts_at:
            raise ValueError("must be later than from")
        return ends_at

    @property
    def subject(self) -> object:
        """Tells apart rows of one key that may hold side by side."""
        return None

    def holds(self, at: datetime) -> bool:
        """Tell whether the row is in force at ``at`` (timezone-aware)."""
        at = require_aware(at)
        return not (self.starts_at and at < self.starts_at) and not (
            self.ends_at and at >= self.ends_at
        )

    def overlaps(self, other: "Fact") -> bool:
        """Tell whether some moment lies inside both rows."""
        return not _ends_before(self, other) and not _ends_before(other, self)


class Valued(Fact, Generic[_Value]):
    """A dated row that says one thing: ``value``."""

    value: _Value


def _ends_before(first: Fact, second: Fact) -> bool:
    return bool(
        first.ends_at and second.starts_at and first.ends_at <= second.starts_at
    )


_AnyFact = TypeVar("_AnyFact", bound=Fact)


def in_force(
    rows: Sequence[_AnyFact], at: datetime, *, subject: object = None
) -> _AnyFact | None:
    """Find the row about ``subject`` that holds at a moment.

    Args:
        rows: Rows of one key without overlaps, as a loaded scheme gives them.
        at: The moment asked about; timezone-aware.
        subject: The form, moment or kind where rows of this key have one.

    Returns:
        The row with its mark and source, or ``None``: nothing is known.

    Raises:
        ValueError: ``at`` is naive.
    """
    at = require_aware(at)
    found = (row for row in rows if row.subject == subject and row.holds(at))
    return next(found, None)


def find_overlaps(rows: Sequence[Fact]) -> Iterator[tuple[int, int]]:
    """Yield the positions of rows on one subject that hold at one moment."""
    for (i, first), (j, second) in combinations(enumerate(rows), 2):
        if first.subject == second.subject and first.overlaps(second):
            yield i, j
