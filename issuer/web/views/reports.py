"""Reports: a picture, the same numbers as a table, and as a file."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from flask import Response, make_response, request
from werkzeug.exceptions import NotFound

from issuer.plots import Series, bars
from issuer.web.access import Group, Needs, Pages
from issuer.web.here import perform, render

pages = Pages("reports")
_WINDOWS: Final = (90, 365, 1_825)
_SCHEMES: Final = ("light", "dark")

Row = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report, made for a page."""

    title: str
    about: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for each in self.series for value in each.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How an operation's answer becomes a report."""

    operation: str
    export: str
    """What `export.report` calls it; the backlog is one sheet for both sides."""
    takes_days: bool
    make: Callable[[Any], Report]


def _answer_times(found: Any) -> Report:
    rows = found.rows
    return Report(
        title="How long economies take to answer",
        about=f"Median of the answers of the last {found.days} days, in days.",
        heads=("Economy", "Answers", "Median days", "Nine in ten, days", "Open",
               "Oldest open days", "Target days"),
        rows=tuple(
            (r.name, r.answers, r.median_days, r.nine_in_ten_days, r.open,
             r.oldest_open_days, r.target_days) for r in rows
        ),
        labels=tuple(r.name for r in rows),
        series=(Series(name="Median", values=[r.median_days for r in rows]),),
        unit="days",
    )  # fmt: skip


def _months(found: Any) -> Report:
    rows = found.rows
    columns = (("Cards issued", "issued"), ("Cleared for our cards", "cleared"),
               ("Cleared for others", "cleared_for_others"),
               ("Refused to others", "refused_for_others"))  # fmt: skip
    return Report(
        title="Issued and cleared each month",
        about="Months in UTC. Answers are counted where they stand now.",
        heads=("Month", *(name for name, _ in columns)),
        rows=tuple((r.month, *(getattr(r, key) for _, key in columns)) for r in rows),
        labels=tuple(r.month for r in rows),
        series=tuple(
            Series(name=name, values=[getattr(r, key) for r in rows])
            for name, key in columns
        ),
        unit="cards and answers",
    )


_AGES: Final = (("Up to 30 days", "up_to_30_days"), ("31 to 90", "up_to_90_days"),
                ("91 to 180", "up_to_180_days"), ("181 to 365", "up_to_365_days"),
                ("Older", "older"))  # fmt: skip


def _backlog(title: str, about: str, rows: Sequence[Any]) -> Report:
    return Report(
        title=title,
        about=about,
        heads=("Economy", *(name for name, _ in _AGES)),
        rows=tuple((r.name, *(getattr(r, key) for _, key in _AGES)) for r in rows),
        labels=tuple(r.name for r in rows),
        series=tuple(
            Series(name=name, values=[getattr(r, key) for r in rows])
            for name, key in _AGES
        ),
        unit="open requests",
    )


_RESULTS: Final = (("Accepted", "accepted"), ("Rejected", "rejected"),
                   ("Undecided", "undecided"))  # fmt: skip


def _scans(found: Any) -> Report:
    days = sorted({row.day for row in found.rows})
    counts: Counter[tuple[date, str]] = Counter()
    for row in found.rows:
        counts[row.day, row.result] += row.count
    cut = " Only the newest 5,000 rows are shown." if found.is_cut else ""
    return Report(
        title="What officers' devices have answered",
        about=f"Days in UTC, by the devices' clocks; as far as it was collected.{cut}",
        heads=("Day", "Device", "Result", "Code", "Second code", "Count"),
        rows=tuple(
            (r.day.isoformat(), f"{r.device} {r.name}", r.result, r.code,
             r.second_code, r.count) for r in found.rows
        ),
        labels=tuple(day.isoformat() for day in days),
        series=tuple(
            Series(name=name, values=[counts[day, result] for day in days])
            for name, result in _RESULTS
        ),
        unit="scans",
    )  # fmt: skip


_KINDS: Final = MappingProxyType(
    {
        "answer-times": _Kind(
            operation="report.answer_times",
            export="answer_times",
            takes_days=True,
            make=_answer_times,
        ),
        "months": _Kind(
            operation="report.months", export="months", takes_days=True, make=_months
        ),
        "outgoing": _Kind(
            operation="report.backlog",
            export="backlog",
            takes_days=False,
            make=lambda found: _backlog(
                "What others have not answered us",
                "Our open questions by destination and age.",
                found.outgoing,
            ),
        ),
        "scans": _Kind(
            operation="report.scans", export="scans", takes_days=True, make=_scans
        ),
        "incoming": _Kind(
            operation="report.backlog",
            export="backlog",
            takes_days=False,
            make=lambda found: _backlog(
                "What we have not answered others",
                "Open requests by the economy that asks, and by age.",
                found.incoming,
            ),
        ),
    }
)


@pages.at(
    "/reports",
    Needs("report.backlog"),
    menu=(
        "Reports",
        "How long answers take; what was issued; what waits.",
        "t",
        Group.OFFICE,
    ),
)
def index() -> Response:
    """Show one report, and the way to the others."""
    name = request.args.get("report", "answer-times")
    report = _report(name)
    return render(
        "reports/index.html",
        name=name,
        report=report,
        days=_days(),
        windows=_WINDOWS if _KINDS[name].takes_days else (),
        names=tuple(_KINDS),
    )


@pages.at("/reports/<name>/<scheme>.svg", Needs("report.backlog"))
def picture(name: str, scheme: str) -> Response:
    """Draw a report for a light or a dark page."""
    if scheme not in _SCHEMES:
        raise NotFound
    report = _report(name)
    if report.is_empty:
        raise NotFound
    drawn = bars(
        report.labels,
        report.series,
        unit=report.unit,
        scheme="dark" if scheme == "dark" else "light",
        is_narrow="narrow" in request.args,
    )
    answer = make_response(drawn)
    answer.mimetype = "image/svg+xml"
    return answer


@pages.at("/reports/<name>.csv", Needs("export.report"))
def file(name: str) -> Response:
    """Download a report for a spreadsheet; that it left is logged."""
    kind = _kind(name)
    days = {"days": _days()} if kind.takes_days else {}
    sheet = perform("export.report", {"report": kind.export, **days})
    answer = make_response(sheet.text.encode())
    answer.mimetype = "text/csv"
    answer.headers.set("Content-Disposition", "attachment", filename=sheet.name)
    return answer


def _days() -> int:
    wanted = request.args.get("days", type=int)
    return wanted if wanted in _WINDOWS else _WINDOWS[0]


def _kind(name: str) -> _Kind:
    kind = _KINDS.get(name)
    if kind is None:
        raise NotFound
    return kind


def _report(name: str) -> Report:
    kind = _kind(name)
    fields = {"days": _days()} if kind.takes_days else {}
    return kind.make(perform(kind.operation, fields))
