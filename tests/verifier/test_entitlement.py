"""Days of stay, where the calendar is awkward; the vectors cover the rest."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

import verifier
from tests.simulator import World
from verifier._dated import Span


def stay(now: datetime, **claims: object) -> date | None:
    """The last day of stay at AUS for a card of SGP shown at ``now``."""
    world = World(now, economies=["SGP", "AUS"])
    changes: dict[str, object] = {"economies": ["AUS"], **claims}
    shown = world.show(world.card("SGP", **changes))  # type: ignore[arg-type]  # claims
    found = world.verify(shown, "AUS")
    assert isinstance(found, verifier.Accepted)
    return found.entitlement.entry.stay_until


@pytest.mark.parametrize(
    ("today", "last"),
    [
        (date(2029, 11, 30), date(2030, 2, 27)),
        (date(2029, 11, 29), date(2030, 2, 27)),
        (date(2029, 12, 1), date(2030, 2, 28)),
        (date(2029, 3, 15), date(2029, 6, 14)),
    ],
)
def test_three_months_are_three_calendar_months(today: date, last: date) -> None:
    """A day that the target month lacks becomes its last, then the arrival counts."""
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    assert stay(now) == last


def test_the_day_is_the_border_s() -> None:
    """Just after midnight in Sydney it is still yesterday in Greenwich."""
    sydney = timezone(timedelta(hours=11))
    now = datetime(2030, 3, 16, 0, 30, tzinfo=sydney)
    assert stay(now) == date(2030, 6, 15)
    assert stay(now.astimezone(UTC)) == date(2030, 6, 14)


def test_a_card_on_its_last_hours() -> None:
    """East of Greenwich the last day is never one that has passed."""
    auckland = timezone(timedelta(hours=13))
    now = datetime(2030, 7, 1, 12, tzinfo=auckland)
    end = datetime(2030, 7, 1, tzinfo=UTC)
    assert now < end
    assert stay(now, exp=int(end.timestamp())) == date(2030, 7, 1)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2028, 12, 31), 2, date(2029, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 12, 31), 12, date(2029, 12, 31)),
        (date(2028, 11, 30), 1, date(2028, 12, 30)),
    ],
)
def test_months(start: date, months: int, end: date) -> None:
    """Months are calendar months."""
    assert Span(value=months, unit="months").after(start) == end
