"""Statistics for the meeting room: pictures, the same numbers, and sheets."""

from datetime import UTC, datetime, timedelta
from threading import Lock
from types import MappingProxyType
from typing import Final

from flask import Response, make_response, request
from werkzeug.exceptions import NotFound

from issuer.statistics import LEAST, Table
from issuer.statistics_folder import csv_of
from issuer.statistics_plots import Plot, plots_of
from issuer.web.access import Needs, Pages
from issuer.web.here import actor, now, perform, render, site

pages = Pages("statistics")
_MAY: Final = Needs("report.statistics")
_OUTSIDE: Final = "outside"
_AS: Final = MappingProxyType({"inside": 0, _OUTSIDE: LEAST})
_SCHEMES: Final = ("light", "dark")
_STEP: Final = timedelta(minutes=30)
_KEPT: Final = 32
_Key = tuple[int, str, datetime, int]


class _Counted:
    """The tables that were counted last: a page and its pictures are of one count."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[_Key, tuple[Table, ...]] = {}

    def tables(self, at: datetime, least: int) -> tuple[Table, ...]:
        key = (id(site().office), actor().economy, at, least)
        with self._lock:
            if key in self._found:
                return self._found[key]
        answer = perform("report.statistics", {"at": at, "least": least})
        tables = tuple(
            Table(
                name=each.name,
                title=each.title,
                about=each.about,
                columns=each.columns,
                rows=each.rows,
            )
            for each in answer.tables
        )
        with self._lock:
            while len(self._found) >= _KEPT:
                self._found.pop(next(iter(self._found)))
            self._found[key] = tables
        return tables


_counted: Final = _Counted()


@pages.at("/statistics", _MAY)
def index() -> Response:
    """Show the pictures, as they are inside or as they may be shown outside."""
    name, at = _as(), _at()
    tables = _counted.tables(at, _AS[name])
    latest = {
        each.name: [row for row in each.rows if row[0] == f"{at:%Y-%m}"]
        for each in tables
    }
    return render(
        "reports/statistics.html",
        name=name,
        at=at,
        stamp=at.isoformat(),
        least=LEAST,
        tables=tables,
        latest=latest,
        plots=[each for each in _plots(tables) if not each.is_empty],
    )


@pages.at("/statistics/<name>.<scheme>.svg", _MAY)
def picture(name: str, scheme: str) -> Response:
    """Draw one of them for a light or a dark page."""
    plots = {each.name: each for each in _plots(_counted.tables(_at(), _AS[_as()]))}
    if scheme not in _SCHEMES or name not in plots or plots[name].is_empty:
        raise NotFound
    drawn = plots[name].picture(
        "dark" if scheme == "dark" else "light", is_narrow="narrow" in request.args
    )
    answer = make_response(drawn)
    answer.mimetype = "image/svg+xml"
    return answer


@pages.at("/statistics/<name>.csv", _MAY)
def file(name: str) -> Response:
    """Download the numbers."""
    tables = {each.name: each for each in _counted.tables(_at(), _AS[_as()])}
    if name not in tables:
        raise NotFound
    answer = make_response(csv_of(tables[name]))
    answer.mimetype = "text/csv"
    filename = f"{name}-{actor().economy}-{_at():%Y-%m-%d}-{_as()}.csv"
    answer.headers.set("Content-Disposition", "attachment", filename=filename)
    return answer


def _plots(tables: tuple[Table, ...]) -> tuple[Plot, ...]:
    office = site().office
    economies = office.store.read(office.scheme).economies
    return plots_of(tables, {code: each.name for code, each in economies.items()})


def _as() -> str:
    name = request.args.get("as", "inside")
    return name if name in _AS else "inside"


def _at() -> datetime:
    """Return the moment that was asked for, or the last full half hour."""
    try:
        asked = datetime.fromisoformat(request.args.get("at", ""))
    except ValueError:
        asked = None
    if asked is not None and asked.tzinfo is not None and asked <= now():
        return asked.astimezone(UTC)
    moment = now().astimezone(UTC)
    return moment - (moment - datetime.min.replace(tzinfo=UTC)) % _STEP
