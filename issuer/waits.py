"""How long destinations take: measured, beside their target where one is known.

Nobody's speed is ever assumed.  Where a destination has no target, "overdue" compares
with twice the time that its last answers took; where it has not answered either,
nothing is overdue.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.dated import in_force
from issuer.scheme import Scheme
from issuer.store import Preclearance

WINDOW: Final = timedelta(days=365)
"""Older answers say nothing about today."""
SAMPLE: Final = 101
"""The last answers of a destination, from which its median is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What to expect of one destination."""

    median: timedelta | None
    """Of its last answers to whomever; None if it has not answered in a year."""
    answers: int
    """How many the median is taken from; at most 101."""
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
    """Measure some destinations; quick enough for every page."""
    return MappingProxyType(
        {code: _wait(session, scheme, code, at) for code in destinations}
    )


def _wait(session: Session, scheme: Scheme, destination: str, at: datetime) -> Wait:
    rows = session.execute(
        select(Preclearance.answered_at, Preclearance.asked_at)
        .where(
            Preclearance.destination == destination,
            Preclearance.answered_at > at - WINDOW,
            Preclearance.answered_at <= at,
        )
        .order_by(Preclearance.answered_at.desc())
        .limit(SAMPLE)
    ).all()
    took = [
        (answered - asked).total_seconds()
        for answered, asked in rows
        if answered and asked
    ]
    target = in_force(scheme.economy(destination).service_target_days, at)
    return Wait(
        median=timedelta(seconds=median(took)) if took else None,
        answers=len(took),
        target_days=target.value if target else None,
    )
