"""Statistics for the meeting room: what was issued, asked, answered and held, by month.

Everything is counted from what is only ever added or ended once: first days of cards,
bindings of phones and plastic, events of pre-clearances.  So the figures of a moment
stay what they were, whatever happens later.

No figure tells a refusal from an approval: an economy that answers has answered.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from issuer import lifecycle
from issuer.dated import require_aware
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.reports import READERS
from issuer.scheme import Scheme
from issuer.store import Card, Credential, Preclearance, PreclearanceEvent
from issuer.store.base import Moment

State = lifecycle.Preclearance
LEAST: Final = 10
"""What is smaller is not told outside, unless another limit is set."""
MONTHS: Final = 36
MOST_MONTHS: Final = 240
_ENDED: Final = (
    lifecycle.Credential.REVOKED,
    lifecycle.Credential.SUPERSEDED,
    lifecycle.Credential.EXPIRED,
)
_NEVER_HELD: Final = (lifecycle.Credential.PREPARED, lifecycle.Credential.VOID)
_ANSWERS: Final = ("approve", "refuse")
_QUESTIONS: Final = ("send", "repend")
_DAY: Final = 86_400
Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures of one kind: the same numbers for a page, a sheet and a plot."""

    name: str
    """For files and addresses; such as ``cards-issued``."""
    title: str
    about: str
    columns: tuple[str, ...]
    """The first is the month, the second what the row is about."""
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(slots=True, kw_only=True)
class _Asked:
    """Questions to one destination in one month."""

    asked: int = 0
    answered: int = 0
    left: int = 0
    """No longer open: answered, or ended otherwise."""
    took: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds from the question to its answer."""

    def add(self, other: "_Asked") -> None:
        self.asked += other.asked
        self.answered += other.answered
        self.left += other.left
        self.took.extend(other.took)


_Lane = tuple[str, str, str]
"""Issuer, destination, month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that was counted up to a moment."""

    at: datetime
    economies: tuple[str, ...]
    """Those that were counted, sorted."""
    months: tuple[str, ...]
    """``YYYY-MM`` in UTC, ascending; the last may not be over."""
    names: Mapping[str, str]
    """Of every economy, by code."""
    cards: Mapping[tuple[str, str], int]
    """Cards first issued, by economy and month."""
    made: Mapping[tuple[str, str, str], int]
    """Bindings by economy, form and month."""
    ended: Mapping[tuple[str, str, str], int]
    lanes: Mapping[_Lane, _Asked]

    def tables(self, economy: str | None = None) -> tuple[Table, ...]:
        """Return the tables of one economy, or of all that were counted together."""
        codes = (economy,) if economy else self.economies
        tables = (
            self._cards(codes),
            self._forms(codes),
            self._answers(codes, is_all=economy is None),
        )
        return (*tables, self._own_answers(codes))

    def _cards(self, codes: Sequence[str]) -> Table:
        rows = [
            (month, code, self.cards.get((code, month), 0))
            for month in self.months
            for code in codes
        ]
        return Table(
            name="cards-issued",
            title="Cards issued",
            about="Cards that were first issued in the month, by issuing economy.",
            columns=("month", "economy", "cards"),
            rows=tuple(rows),
        )

    def _forms(self, codes: Sequence[str]) -> Table:
        rows = []
        for code in codes:
            held = {form: self._held(code, form) for form in ("app", "physical")}
            rows += [
                (
                    month,
                    code,
                    self.made.get((code, "app", month), 0),
                    self.made.get((code, "physical", month), 0),
                    held["app"][month],
                    held["physical"][month],
                )
                for month in self.months
            ]
        return Table(
            name="forms",
            title="App and plastic",
            about="Phones and plastic documents that got a card in the month, and those"
            " that had one that counted at its end. A card can be in both forms.",
            columns=("month", "economy", "app_made", "plastic_made", "app_held",
                     "plastic_held"),
            rows=tuple(sorted(rows)),
        )  # fmt: skip

    def _held(self, code: str, form: str) -> Mapping[str, int]:
        every = {month for _, _, month in (*self.made, *self.ended)} | {*self.months}
        held, found = 0, {}
        for month in sorted(every):
            held += self.made.get((code, form, month), 0)
            held -= self.ended.get((code, form, month), 0)
            found[month] = held
        return found

    def _answers(self, codes: Sequence[str], *, is_all: bool) -> Table:
        asking = {*codes}
        chosen = (
            (to, month, each)
            for (issuer, to, month), each in self.lanes.items()
            if is_all or issuer in asking
        )
        return Table(
            name="answers",
            title="How long destinations take",
            about="Questions to each destination"
            + (" that are known here" if is_all else " about cards of this economy")
            + ": asked and answered in the month, days from question to answer, and"
            " open at its end.",
            columns=_ASKED,
            rows=tuple(self._asked_rows(chosen)),
        )

    def _own_answers(self, codes: Sequence[str]) -> Table:
        asked = {*codes}
        chosen = (
            (to, month, each)
            for (_, to, month), each in self.lanes.items()
            if to in asked
        )
        return Table(
            name="requests-answered",
            title="Requests answered",
            about="Requests of other economies for pre-clearance, by the economy that"
            " was asked: asked and answered in the month, days from question to answer,"
            " and open at its end.",
            columns=_ASKED,
            rows=tuple(self._asked_rows(chosen)),
        )

    def _asked_rows(
        self, chosen: Iterable[tuple[str, str, _Asked]]
    ) -> Iterator[tuple[Cell, ...]]:
        merged: dict[str, dict[str, _Asked]] = defaultdict(lambda: defaultdict(_Asked))
        for to, month, each in chosen:
            merged[to][month].add(each)
        rows = []
        for to, by_month in merged.items():
            still = 0
            for month in sorted({*by_month, *self.months}):
                here = by_month.get(month, _Asked())
                still += here.asked - here.left
                if month in self.months:
                    rows.append((month, to, *_times(here), still))
        yield from sorted(rows, key=lambda row: (row[0], row[1]))


_ASKED: Final = ("month", "destination", "asked", "answered", "median_days",
                 "nine_in_ten_days", "open_at_end")  # fmt: skip


def _times(found: _Asked) -> tuple[Cell, ...]:
    took = sorted(found.took)
    if not took:
        return found.asked, found.answered, None, None
    ninth = took[-(-len(took) * 9 // 10) - 1]
    return (
        found.asked,
        found.answered,
        round(median(took) / _DAY, 1),
        round(ninth / _DAY, 1),
    )


def collect_figures(
    session: Session,
    scheme: Scheme,
    economies: Iterable[str],
    *,
    at: datetime,
    months: int = MONTHS,
) -> Figures:
    """Count everything up to a moment.

    Args:
        session: A reading session; a million events take some three seconds.
        scheme: For the names of economies.
        economies: Codes of those whose cards, and whose answers, are counted.
        at: What happened after it does not count; timezone-aware.
        months: How many, the one of ``at`` included; up to 240.

    Raises:
        ValueError: ``at`` is naive, or ``months`` out of bounds.
    """
    at = require_aware(at)
    if not 1 <= months <= MOST_MONTHS:
        raise ValueError(f"months must be from 1 to {MOST_MONTHS}")
    codes = tuple(sorted({*economies}))
    return Figures(
        at=at,
        economies=codes,
        months=_months_to(at, months),
        names={code: each.name for code, each in scheme.economies.items()},
        cards=_cards(session, codes, at),
        **_forms(session, codes, at),
        lanes=_lanes(session, codes, at),
    )


def _months_to(at: datetime, count: int) -> tuple[str, ...]:
    last = at.astimezone(UTC).year * 12 + at.astimezone(UTC).month - 1
    numbers = range(last - count + 1, last + 1)
    return tuple(f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers)


def _cards(
    session: Session, codes: Sequence[str], at: datetime
) -> Mapping[tuple[str, str], int]:
    month = _month(session, Card.first_issued_on)
    rows = session.execute(
        select(Card.economy, month, func.count())
        .where(
            Card.economy.in_(codes),
            Card.told_to.is_(None),
            Card.first_issued_on <= at.astimezone(UTC).date(),
        )
        .group_by(Card.economy, month)
    )
    return {(code, when): count for code, when, count in rows}


def _forms(
    session: Session, codes: Sequence[str], at: datetime
) -> dict[str, Mapping[tuple[str, str, str], int]]:
    """Count bindings by when they were made, and by when they ended."""
    made = _month(session, Credential.created_at)
    # What has ended never returns, so that the moment of its last change stays.
    ended_at = case(
        (
            and_(Credential.state.in_(_ENDED), Credential.changed_at < Card.expires_at),
            Credential.changed_at,
        ),
        else_=Card.expires_at,
    )
    ended = _month(session, ended_at)

    def counted(month: ColumnElement[str], *where: Any) -> Select[str, str, str, int]:
        return (
            select(Credential.economy, Credential.form, month, func.count())
            .join(Card, Card.id == Credential.card_id)
            .where(
                Credential.economy.in_(codes),
                Credential.created_at <= at,
                Credential.state.not_in(_NEVER_HELD),
                *where,
            )
            .group_by(Credential.economy, Credential.form, month)
        )

    def found(query: Select[str, str, str, int]) -> Mapping[tuple[str, str, str], int]:
        rows = session.execute(query)
        return {(code, form, when): count for code, form, when, count in rows}

    return {
        "made": found(counted(made)),
        "ended": found(counted(ended, ended_at <= at)),
    }


def _lanes(
    session: Session, codes: Sequence[str], at: datetime
) -> Mapping[_Lane, _Asked]:
    found: dict[_Lane, _Asked] = defaultdict(_Asked)
    event = PreclearanceEvent
    month = _month(session, event.at)
    entered = and_(event.before != State.PENDING, event.after == State.PENDING)
    left = and_(event.before == State.PENDING, event.after != State.PENDING)
    # Chosen here: asked to choose, SQLite would look every request up by two indexes
    # instead of reading the events once.
    ours = {*codes}
    by_lane = (Preclearance.issuer, Preclearance.destination, month)
    counts = session.execute(
        select(
            *by_lane,
            func.count(case((entered, 1))),
            func.count(case((left, 1))),
        )
        .join(event, event.preclearance_id == Preclearance.id)
        .where(event.at <= at, or_(entered, left))
        .group_by(*by_lane)
    )
    for issuer, to, when, asked, gone in counts:
        if not {issuer, to} & ours:
            continue
        here = found[issuer, to, when]
        here.asked, here.left = asked, gone
    for issuer, to, when, took in session.execute(_answers(session, at)):
        if issuer not in ours and to not in ours:
            continue
        here = found[issuer, to, when]
        here.answered += 1
        if took is not None:  # an answer that was carried over has no question
            here.took.append(took)
    return found


def _answers(session: Session, at: datetime) -> Select[str, str, str, Any]:
    """Return every answer with the seconds since the question that it answers.

    Asked for each answer by the index on a request's events: quicker than a window over
    all events, of which each has two or three.
    """
    event, earlier = PreclearanceEvent, aliased(PreclearanceEvent)
    asked_at = (
        select(func.max(earlier.at))
        .where(
            earlier.preclearance_id == event.preclearance_id,
            earlier.seq < event.seq,
            earlier.event.in_(_QUESTIONS),
        )
        .correlate(event)
        .scalar_subquery()
    )
    return (
        select(
            Preclearance.issuer,
            Preclearance.destination,
            _month(session, event.at),
            _seconds(session, event.at, asked_at),
        )
        .join(event, event.preclearance_id == Preclearance.id)
        .where(event.event.in_(_ANSWERS), event.at <= at)
    )


def _month(session: Session, column: Any) -> ColumnElement[str]:
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m", column)
    if isinstance(column.type, Moment):
        column = func.timezone("UTC", column)
    return func.to_char(column, "YYYY-MM")


def _seconds(session: Session, later: Any, earlier: Any) -> ColumnElement[float]:
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(later) - func.julianday(earlier)) * _DAY
    return cast(extract("epoch", later - earlier), Float)


# What leaves the office


def for_outside(table: Table, *, least: int = LEAST) -> Table:
    """Return a table as it may be shown to everybody.

    A count of 1 up to ``least`` is told as ``<least``, every other one is rounded to
    the nearest multiple of it, and a time is told in whole days and only where
    ``least`` answers are behind it.  What is left out can therefore not be worked out
    from sums or from the month before.

    Args:
        table: As `Figures.tables` gives it.
        least: 2 or more.

    Raises:
        ValueError: ``least`` is below 2.
    """
    if least < 2:
        raise ValueError("least must be 2 or more")
    rows = tuple(_for_outside(table.columns, row, least) for row in table.rows)
    about = (
        f"{table.about} Counts below {least} are told as <{least}, others rounded to"
        f" {least}s; times are told from {least} answers on."
    )
    return Table(
        name=table.name,
        title=table.title,
        about=about,
        columns=table.columns,
        rows=rows,
    )


def _for_outside(
    columns: Sequence[str], row: Sequence[Cell], least: int
) -> tuple[Cell, ...]:
    by_name = dict(zip(columns, row, strict=True))
    answered = by_name.get("answered")
    is_few = isinstance(answered, int) and answered < least
    return tuple(
        _hidden(value, least)
        if isinstance(value, int)
        else (None if is_few else round(value))
        if isinstance(value, float)
        else value
        for value in row
    )


def _hidden(count: int, least: int) -> Cell:
    if 0 < count < least:
        return f"<{least}"
    # Half of it up, always: a rule that everybody can work out.
    return (2 * count + least) // (2 * least) * least


class AskStatistics(Request):
    """Up to when, how far back, and for whom."""

    at: AwareDatetime | None = Field(
        None, description="Nothing that happened later counts; default: now."
    )
    months: int = Field(
        MONTHS, ge=1, le=MOST_MONTHS, description="How many, that one included."
    )
    least: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="For others to see: tell no count below this; 0 and 1 tell all.",
    )


class StatisticsTable(Answer):
    """Figures of one kind."""

    name: str
    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]


class Statistics(Answer):
    """What one economy has issued, asked, answered and holds, month by month."""

    economy: str
    at: datetime
    tables: tuple[StatisticsTable, ...]


@operation(
    "report.statistics",
    "Count what was issued, asked, answered and held, month by month.",
    *READERS,
    changes=False,
)
def statistics(desk: Desk, given: AskStatistics) -> Statistics:
    """Report the statistics of this economy; see docs/statistics.md."""
    at = given.at or desk.now

    def work(session: Session) -> Statistics:
        scheme = desk.office.scheme(session)
        figures = collect_figures(
            session, scheme, [desk.economy], at=at, months=given.months
        )
        tables = figures.tables(desk.economy)
        if given.least > 1:
            tables = tuple(for_outside(each, least=given.least) for each in tables)
        desk.log(session, "report:read", "report:statistics", report="statistics")
        return Statistics(
            economy=desk.economy,
            at=at,
            tables=tuple(
                StatisticsTable(
                    name=each.name,
                    title=each.title,
                    about=each.about,
                    columns=each.columns,
                    rows=each.rows,
                )
                for each in tables
            ),
        )

    return desk.look(work)
