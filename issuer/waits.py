"""How long destinations take: measured, beside their target where one is known.

Nobody's speed is ever assumed.  Where a destination has no target, "overdue" compares
with twice the time that its last answers took; where it has not answered either,
nothing is overdue.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.orm import Session

from issuer.dated import in_force
from issuer.scheme import Scheme
from issuer.store.base import Moment

WINDOW: Final = timedelta(days=365)
"""Older answers say nothing about today."""
SAMPLE: Final = 101
"""The last answers of a destination, from which its median is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What to expect of one destination."""

    median: timedelta | None
    """Of its last answers to whomever; None if it has not answered in a year."""
    target_days: int | None
    """None if no target is known."""

    @property
    def limit(self) -> timedelta | None:
        """From when an answer is overdue; None if that cannot be said."""
        if self.target_days is not None:
            return timedelta(days=self.target_days)
        return None if self.median is None else 2 * self.median

    def is_overdue(self, asked_at: datetime | None, now: datetime) -> bool:
        """Tell whether a question that is open has waited for longer than that."""
        if asked_at is None or self.limit is None:
            return False
        return now - asked_at > self.limit


def waits(
    session: Session, scheme: Scheme, destinations: Iterable[str], *, at: datetime
) -> Mapping[str, Wait]:
    """Measure some destinations; quick enough for every page.

    Args:
        session: A reading session.
        scheme: In force.
        destinations: Codes of the scheme's economies.
        at: Answers after it do not count; timezone-aware.
    """
    codes = tuple(destinations)
    medians = _medians(session, codes, at)
    return MappingProxyType(
        {code: _wait(scheme, code, medians.get(code), at) for code in codes}
    )


def _wait(scheme: Scheme, code: str, middle: float | None, at: datetime) -> Wait:
    target = in_force(scheme.economy(code).service_target_days, at)
    return Wait(
        median=None if middle is None else timedelta(seconds=round(middle)),
        target_days=target.value if target else None,
    )


def _medians(
    session: Session, codes: tuple[str, ...], at: datetime
) -> Mapping[str, float | None]:
    """Return seconds by destination; one statement, however many are asked about."""
    if not codes:
        return {}
    dialect = session.get_bind().dialect.name
    rows = session.execute(
        _statement(dialect, len(codes)),
        {
            "since": at - WINDOW,
            "at": at,
            **{f"code_{place}": code for place, code in enumerate(codes)},
        },
    )
    return {row.code: row.middle for row in rows}


_SECONDS: Final = {
    "sqlite": "(julianday(answered_at) - julianday(asked_at)) * 86400",
    "postgresql": "CAST(extract(epoch FROM answered_at - asked_at) AS float)",
}


@lru_cache
def _statement(dialect: str, count: int) -> TextClause:
    # For each code the index gives its last answers, and nothing else is read.
    codes = " UNION ALL ".join(
        f"SELECT CAST(:code_{place} AS varchar(3)) AS code" for place in range(count)
    )
    statement = f"""
        SELECT codes.code, (
          SELECT avg(CASE WHEN place IN ((size + 1) / 2, (size + 2) / 2) THEN took END)
          FROM (
            SELECT took, row_number() OVER (ORDER BY took) AS place,
              count(*) OVER () AS size
            FROM (
              SELECT {_SECONDS[dialect]} AS took FROM preclearance
              WHERE destination = codes.code
                AND answered_at > :since AND answered_at <= :at
              ORDER BY answered_at DESC LIMIT {SAMPLE}
            ) AS latest
          ) AS ranked
        ) AS middle FROM ({codes}) AS codes
    """  # noqa: S608  # our own words and numbers
    moments = (bindparam(name, type_=Moment()) for name in ("since", "at"))
    return text(statement).bindparams(*moments)
