"""Sheets out of the database: pages of CSV, each logged, that no spreadsheet runs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from issuer import lifecycle, reports, scan_reports
from issuer.intake import sheet
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.preclearances import card_reference
from issuer.store import Application, Card, Passport, Person, Preclearance, Role

MAX_ROWS: Final = 5_000
"""Of one page."""
_BOM: Final = "\ufeff"
_MAX_ID: Final = 2**63 - 1
_Limit = Annotated[int, Field(ge=1, le=MAX_ROWS)]


class Page(Request):
    """Which part of a sheet."""

    after: int | None = Field(
        None, le=_MAX_ID, description="Go on behind this one; leave out for the first."
    )
    limit: _Limit = Field(1_000, description="Rows at most, up to 5,000.")


class ApplicationPage(Page):
    """Which applications."""

    state: lifecycle.Application | None = Field(
        None, description="Only those in this state."
    )


class PreclearancePage(Page):
    """Which answers of other economies."""

    destination: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="Only this economy's."
    )
    state: lifecycle.Preclearance | None = Field(
        None, description="Only those in this state."
    )


class SheetText(Answer):
    """A page of a sheet; pages put one behind the other are the whole sheet."""

    name: str
    """Of the file."""
    text: str
    """CSV; the first page has a byte order mark and the names of the columns."""
    rows: int
    after: int | None
    """Where the next page begins; None at the end."""


_APPLICATION_COLUMNS: Final = (
    "application", "number", "kind", "state", "entered_at", "submitted_at",
    "decided_at", "person", "family_name", "given_name", "machine_family_name",
    "machine_given_name", "birthdate", "sex", "nationality", "email",
    "passport_country", "passport_number", "passport_issued_on", "passport_expires_on",
)  # fmt: skip


@operation(
    "export.applications",
    "Export applications as a sheet (CSV), page by page.",
    Role.INTAKE,
    Role.VETTING,
    changes=False,
)
def applications(desk: Desk, given: ApplicationPage) -> SheetText:
    """Export this economy's applications, in the order in which they were entered."""

    def work(session: Session) -> SheetText:
        rows = session.execute(
            select(Application, Person, Passport)
            .join(Person, Person.id == Application.person_id)
            .join(Passport, Passport.id == Application.passport_id)
            .where(
                Application.economy == desk.economy,
                Application.state == given.state if given.state else true(),
                Application.id > (given.after or 0),
            )
            .order_by(Application.id)
            .limit(given.limit + 1)
        ).all()
        cells = [
            (
                each.id, each.number, each.kind, each.state, each.entered_at,
                each.submitted_at, each.decided_at, person.id, person.family_name,
                person.given_name, person.machine_family_name,
                person.machine_given_name, person.birthdate, person.sex,
                person.nationality, person.email, passport.issuer, passport.number,
                passport.issued_on, passport.expires_on,
            )
            for each, person, passport in rows
        ]  # fmt: skip
        return _page(
            session,
            desk,
            "applications",
            _APPLICATION_COLUMNS,
            cells=cells,
            given=given,
        )

    return desk.look(work)


_PRECLEARANCE_COLUMNS: Final = (
    "preclearance", "reference", "destination", "state", "asked_at", "answered_at",
    "changed_at", "reminded_at", "family_name", "given_name",
)  # fmt: skip


@operation(
    "export.preclearances",
    "Export what other economies answered as a sheet (CSV), page by page.",
    Role.VETTING,
    Role.ISSUING,
    changes=False,
)
def preclearances(desk: Desk, given: PreclearancePage) -> SheetText:
    """Export the answers about this economy's cards."""

    def work(session: Session) -> SheetText:
        wanted = given.destination
        rows = session.execute(
            select(Preclearance, Card, Person)
            .join(Card, Card.id == Preclearance.card_id)
            .join(Person, Person.id == Card.person_id)
            .where(
                Preclearance.issuer == desk.economy,
                Preclearance.destination == wanted if wanted else true(),
                Preclearance.state == given.state if given.state else true(),
                Preclearance.id > (given.after or 0),
            )
            .order_by(Preclearance.id)
            .limit(given.limit + 1)
        ).all()
        cells = [
            (
                each.id, card_reference(card), each.destination, each.state,
                each.asked_at, each.answered_at, each.changed_at, each.reminded_at,
                person.family_name, person.given_name,
            )
            for each, card, person in rows
        ]  # fmt: skip
        return _page(
            session,
            desk,
            "preclearances",
            _PRECLEARANCE_COLUMNS,
            cells=cells,
            given=given,
        )

    return desk.look(work)


def _page(
    session: Session,
    desk: Desk,
    name: str,
    columns: Sequence[str],
    *,
    cells: Sequence[Sequence[Any]],
    given: Page,
) -> SheetText:
    shown = cells[: given.limit]
    desk.log(session, "export:made", f"export:{name}", export=name, count=len(shown))
    text = _text(columns, shown)
    return SheetText(
        name=f"{name}.csv",
        text=text if given.after is None else _without_header(text),
        rows=len(shown),
        after=shown[-1][0] if len(cells) > given.limit else None,
    )


def _without_header(text: str) -> str:
    # The names of our columns hold no line end.
    return text.split("\r\n", 1)[1]


def _text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = sheet.export(columns, ([_cell(each) for each in row] for row in rows))
    return b"".join(lines).decode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return str(value)


class ReportName(StrEnum):
    """Which report."""

    ANSWER_TIMES = "answer_times"
    MONTHS = "months"
    BACKLOG = "backlog"
    SCANS = "scans"


class WhichReport(Request):
    """A report to be exported."""

    report: ReportName = Field(description="Which report.")
    days: int = Field(
        365, ge=1, le=3660, description="Back from now; the backlog is always of now."
    )


@operation(
    "export.report",
    "Export a report as a sheet (CSV).",
    *reports.READERS,
    changes=False,
)
def report(desk: Desk, given: WhichReport) -> SheetText:
    """Export a report; one line for each of its rows."""
    columns, rows = _REPORTS[given.report](desk, given.days)

    def work(session: Session) -> SheetText:
        page = Page(after=None, limit=MAX_ROWS)
        return _page(session, desk, given.report, columns, cells=rows, given=page)

    return desk.look(work)


_Table = tuple[Sequence[str], list[Sequence[Any]]]


def _answer_times(desk: Desk, days: int) -> _Table:
    found = reports.answer_times(desk, reports.AnswerWindow(days=days))
    return _table(reports.AnswerTimes, found.rows)


def _months(desk: Desk, days: int) -> _Table:
    found = reports.months(desk, reports.Window(days=days))
    return _table(reports.MonthRow, found.rows)


def _backlog(desk: Desk, days: int) -> _Table:
    del days
    found = reports.backlog(desk, reports.NoQuestion())
    columns, outgoing = _table(reports.Backlog, found.outgoing)
    _, incoming = _table(reports.Backlog, found.incoming)
    rows = [("outgoing", *row) for row in outgoing]
    rows += [("incoming", *row) for row in incoming]
    return ("direction", *columns), list(rows)


def _scans(desk: Desk, days: int) -> _Table:
    found = scan_reports.scans(desk, scan_reports.ScanWindow(days=days))
    return _table(scan_reports.ScanCount, found.rows)


def _table(shape: type[BaseModel], rows: Iterable[BaseModel]) -> _Table:
    columns = tuple(shape.model_fields)
    return columns, [tuple(getattr(row, name) for name in columns) for row in rows]


_REPORTS: Final[Mapping[ReportName, Any]] = MappingProxyType(
    {
        ReportName.ANSWER_TIMES: _answer_times,
        ReportName.MONTHS: _months,
        ReportName.BACKLOG: _backlog,
        ReportName.SCANS: _scans,
    }
)
