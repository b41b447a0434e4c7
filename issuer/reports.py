"""Reports: how long destinations take, what was issued and cleared, what waits.

Each is one row for an economy, or for an economy and a month, with plain columns: a
table on a page, a line of CSV.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from pydantic import Field
from sqlalchemy import ColumnElement, Float, case, cast, extract, func, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.dated import in_force
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.preclearances import PENDING
from issuer.store import Card, Preclearance, Role

READERS: Final = (
    Role.AUDIT,
    Role.VETTING,
    Role.ISSUING,
    Role.PRECLEARANCE,
    Role.ADMIN,
)
State = lifecycle.Preclearance
BUCKETS: Final = (30, 90, 180, 365)
"""Days; the ages of what is open are counted up to each, and beyond the last."""
_DAY: Final = 86_400


class Window(Request):
    """Which time a report is about."""

    days: int = Field(365, ge=1, le=3660, description="Back from now.")


class AnswerWindow(Request):
    """Which answers are measured; a year of all economies takes some seconds."""

    days: int = Field(90, ge=1, le=3660, description="Back from now.")


class AnswerTimes(Answer):
    """How long one destination takes."""

    destination: str
    name: str
    answers: int
    """In the window, to whomever."""
    median_days: float | None
    longest_days: float | None
    open: int
    """Questions of this economy that it has not answered."""
    oldest_open_days: float | None
    target_days: int | None


class AnswerTimesReport(Answer):
    """One row for each economy that can be asked."""

    days: int
    rows: tuple[AnswerTimes, ...]


@operation(
    "report.answer_times",
    "Measure how long each destination takes, and how old what is open is.",
    *READERS,
    changes=False,
)
def answer_times(desk: Desk, given: AnswerWindow) -> AnswerTimesReport:
    """Report answer times of every full member but this one."""

    def work(session: Session) -> AnswerTimesReport:
        since = desk.now - timedelta(days=given.days)
        scheme = desk.office.scheme(session)
        answered = _answered(session, since, desk.now)
        waiting = _open(session, desk)
        rows = []
        for code, economy in scheme.economies.items():
            if code == desk.economy or scheme.membership(code, desk.now) != "full":
                continue
            count, middle, longest = answered.get(code, (0, None, None))
            still, oldest = waiting.get(code, (0, None))
            target = in_force(economy.service_target_days, desk.now)
            rows.append(
                AnswerTimes(
                    destination=code,
                    name=economy.name,
                    answers=count,
                    median_days=_days(middle),
                    longest_days=_days(longest),
                    open=still,
                    oldest_open_days=_age(oldest, desk.now),
                    target_days=target.value if target else None,
                )
            )
        _log(session, desk, "answer_times")
        return AnswerTimesReport(days=given.days, rows=tuple(rows))

    return desk.write(work)


def _answered(
    session: Session, since: datetime, until: datetime
) -> Mapping[str, tuple[int, float | None, float | None]]:
    """Return count, median and maximum in seconds by destination.

    The median is that of the rows in the middle, found by the database.
    """
    took = _seconds(session, Preclearance.answered_at, Preclearance.asked_at)
    ranked = (
        select(
            Preclearance.destination.label("destination"),
            took.label("took"),
            func.row_number()
            .over(partition_by=Preclearance.destination, order_by=took)
            .label("place"),
            func.count().over(partition_by=Preclearance.destination).label("count"),
        )
        .where(Preclearance.answered_at > since, Preclearance.answered_at <= until)
        .subquery()
    )
    is_middle = ranked.c.place.in_(
        [(ranked.c.count + 1) // 2, (ranked.c.count + 2) // 2]
    )
    rows = session.execute(
        select(
            ranked.c.destination,
            func.max(ranked.c.count),
            func.avg(case((is_middle, ranked.c.took))),
            func.max(ranked.c.took),
        ).group_by(ranked.c.destination)
    )
    return {
        code: (count, float(middle), float(longest))
        for code, count, middle, longest in rows
    }


def _seconds(session: Session, later: Any, earlier: Any) -> ColumnElement[float]:
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(later) - func.julianday(earlier)) * _DAY
    return cast(extract("epoch", later - earlier), Float)


def _open(session: Session, desk: Desk) -> Mapping[str, tuple[int, datetime | None]]:
    rows = session.execute(
        select(Preclearance.destination, func.count(), func.min(Preclearance.asked_at))
        .where(Preclearance.issuer == desk.economy, PENDING)
        .group_by(Preclearance.destination)
    )
    return {code: (count, oldest) for code, count, oldest in rows}


class MonthRow(Answer):
    """What happened in one month."""

    month: str
    """YYYY-MM, in UTC."""
    issued: int
    """Cards of this economy that were first issued."""
    cleared: int
    """Own cards that destinations approved, one for each destination."""
    cleared_for_others: int
    """Cards of other economies that this one approved, and that still are."""
    refused_for_others: int


class MonthsReport(Answer):
    """One row for each month of the window in which anything happened."""

    days: int
    rows: tuple[MonthRow, ...]


@operation(
    "report.months",
    "Count what was issued and cleared, month by month.",
    *READERS,
    changes=False,
)
def months(desk: Desk, given: Window) -> MonthsReport:
    """Report by month; answers are counted where they stand now."""

    def work(session: Session) -> MonthsReport:
        since = desk.now - timedelta(days=given.days)
        columns = {
            "issued": _issued(session, desk, since),
            "cleared": _answers(session, desk, since, State.APPROVED, own=True),
            "cleared_for_others": _answers(
                session, desk, since, State.APPROVED, own=False
            ),
            "refused_for_others": _answers(
                session, desk, since, State.NOT_APPROVED, own=False
            ),
        }
        counted: dict[str, dict[str, int]] = defaultdict(dict)
        for name, by_month in columns.items():
            for month, count in by_month.items():
                counted[month][name] = count
        _log(session, desk, "months")
        zero = dict.fromkeys(columns, 0)
        rows = tuple(
            MonthRow(month=month, **{**zero, **found})
            for month, found in sorted(counted.items())
        )
        return MonthsReport(days=given.days, rows=rows)

    return desk.write(work)


def _month(session: Session, column: Any) -> ColumnElement[str]:
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m", column)
    if column.type.python_type is datetime:
        column = func.timezone("UTC", column)
    return func.to_char(column, "YYYY-MM")


def _issued(session: Session, desk: Desk, since: datetime) -> Mapping[str, int]:
    month = _month(session, Card.first_issued_on)
    return _counted(
        session,
        select(month, func.count())
        .where(Card.economy == desk.economy, Card.first_issued_on >= since.date())
        .group_by(month),
    )


def _answers(
    session: Session, desk: Desk, since: datetime, state: State, *, own: bool
) -> Mapping[str, int]:
    month = _month(session, Preclearance.answered_at)
    side = Preclearance.issuer if own else Preclearance.destination
    return _counted(
        session,
        select(month, func.count())
        .where(
            side == desk.economy,
            Preclearance.state == state,
            Preclearance.answered_at > since,
        )
        .group_by(month),
    )


def _counted(session: Session, query: Any) -> Mapping[str, int]:
    return {row[0]: row[1] for row in session.execute(query)}


class Backlog(Answer):
    """How old what is open between two economies is."""

    economy: str
    """The other one."""
    name: str
    up_to_30_days: int
    up_to_90_days: int
    up_to_180_days: int
    up_to_365_days: int
    older: int


class BacklogReport(Answer):
    """One row for each economy with anything open."""

    outgoing: tuple[Backlog, ...]
    """Own questions, by destination."""
    incoming: tuple[Backlog, ...]
    """Requests of others, by issuer."""


class NoQuestion(Request):
    """Nothing to choose."""


@operation(
    "report.backlog",
    "Count what is open by age, both ways.",
    *READERS,
    changes=False,
)
def backlog(desk: Desk, given: NoQuestion) -> BacklogReport:
    """Report the backlog."""

    def work(session: Session) -> BacklogReport:
        report = BacklogReport(
            outgoing=_backlog(session, desk, own=True),
            incoming=_backlog(session, desk, own=False),
        )
        _log(session, desk, "backlog")
        return report

    return desk.write(work)


def _backlog(session: Session, desk: Desk, *, own: bool) -> tuple[Backlog, ...]:
    mine, other = Preclearance.issuer, Preclearance.destination
    if not own:
        mine, other = other, mine
    rows = session.execute(
        select(other, *_buckets(desk.now))
        .where(mine == desk.economy, PENDING)
        .group_by(other)
        .order_by(other)
    )
    scheme = desk.office.scheme(session)
    return tuple(
        Backlog(
            economy=code,
            name=scheme.economy(code).name,
            up_to_30_days=counts[0],
            up_to_90_days=counts[1],
            up_to_180_days=counts[2],
            up_to_365_days=counts[3],
            older=counts[4],
        )
        for code, *counts in rows
    )


def _buckets(now: datetime) -> list[ColumnElement[int]]:
    edges = [now, *(now - timedelta(days=days) for days in BUCKETS), None]
    asked = Preclearance.asked_at
    return [
        func.count(
            case(
                (
                    (asked <= newest)
                    if oldest is None
                    else (asked <= newest) & (asked > oldest),
                    1,
                )
            )
        )
        for newest, oldest in pairwise(edges)
    ]


def _days(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / _DAY, 1)


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else _days((now - at).total_seconds())


def _log(session: Session, desk: Desk, report: str) -> None:
    desk.log(session, "report:read", f"report:{report}", report=report)
