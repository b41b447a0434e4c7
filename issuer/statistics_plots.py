"""Which pictures statistics have, and what is in each."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from issuer.plots import Kind, Scheme, Series, areas, lines
from issuer.statistics import Cell, Table

MOST: Final = 5
"""Series that are told apart in one picture; the others are taken together, or left
out and named so."""
OTHERS: Final = "All others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture of some columns of a table."""

    name: str
    title: str
    about: str
    table: str
    """Name of the table that has the same numbers."""
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str
    draw: Callable[..., bytes]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for each in self.series for value in each.values)

    def picture(
        self, scheme: Scheme, kind: Kind = "svg", *, is_narrow: bool = False
    ) -> bytes:
        """Return it for a light or a dark page, or for a phone."""
        return self.draw(
            self.labels,
            self.series,
            unit=self.unit,
            scheme=scheme,
            kind=kind,
            is_narrow=is_narrow,
        )


def plots_of(tables: Sequence[Table], names: Mapping[str, str]) -> tuple[Plot, ...]:
    """Return the pictures of some tables, in the order of a page.

    Args:
        tables: As `issuer.statistics.Figures.tables` gives them, or made for outside.
        names: Of economies, by code.
    """
    by_name = {each.name: each for each in tables}
    cards, forms = by_name["cards-issued"], by_name["forms"]
    answers, own = by_name["answers"], by_name["requests-answered"]
    return (
        _stacked(cards, "cards", "Cards issued each month", "cards", names),
        _held(forms),
        _slowest(answers, names),
        _open(answers, names),
        _flow(own),
    )


def _stacked(
    table: Table, column: str, title: str, unit: str, names: Mapping[str, str]
) -> Plot:
    months, found = _by_subject(table, column)
    largest = sorted(found, key=lambda code: (-sum(found[code].values()), code))
    return Plot(
        name=table.name,
        title=title,
        about="One area for each economy, one on the other.",
        table=table.name,
        labels=months,
        series=_together(months, found, largest, names),
        unit=unit,
        draw=areas,
    )


def _held(table: Table) -> Plot:
    columns = (("app_held", "App on a phone"), ("plastic_held", "Plastic"))
    months, series = _columns(table, columns)
    return Plot(
        name="forms",
        title="App and plastic in holders' hands",
        about="Phones and plastic documents that counted at the end of each month. A"
        " card can be in both forms.",
        table=table.name,
        labels=months,
        series=series,
        unit="phones and documents",
        draw=areas,
    )


def _slowest(table: Table, names: Mapping[str, str]) -> Plot:
    months, found = _by_subject(table, "median_days", empty=None)
    chosen = sorted(found, key=lambda code: (-_late(found[code], months), code))[:MOST]
    return Plot(
        name="slowest",
        title="The slowest destinations over time",
        about="Median days from question to answer, of the answers of each month, for"
        f" the {MOST} destinations that were slowest in the last twelve months.",
        table=table.name,
        labels=months,
        series=tuple(
            Series(
                name=names.get(code, code),
                values=[found[code].get(month) for month in months],
            )
            for code in chosen
        ),
        unit="days",
        draw=lines,
    )


def _late(found: Mapping[str, float | None], months: Sequence[str]) -> float:
    known = [value for month in months[-12:] if (value := found.get(month)) is not None]
    return sum(known) / len(known) if known else 0.0


def _open(table: Table, names: Mapping[str, str]) -> Plot:
    months, found = _by_subject(table, "open_at_end")
    last = months[-1] if months else ""
    largest = sorted(found, key=lambda code: (-found[code].get(last, 0.0), code))
    return Plot(
        name="open",
        title="Questions that wait for an answer",
        about="Open at the end of each month, by the destination that was asked.",
        table=table.name,
        labels=months,
        series=_together(months, found, largest, names),
        unit="questions",
        draw=areas,
    )


def _flow(table: Table) -> Plot:
    months, series = _columns(table, (("asked", "Asked"), ("answered", "Answered")))
    return Plot(
        name="requests-answered",
        title="Requests of other economies",
        about="Asked and answered in each month.",
        table=table.name,
        labels=months,
        series=series,
        unit="requests",
        draw=lines,
    )


def _columns(
    table: Table, columns: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ...], tuple[Series, ...]]:
    """Return the months, and each column summed over what its rows are about."""
    found = {name: _by_subject(table, column) for column, name in columns}
    months = next(iter(found.values()))[0]
    return months, tuple(
        _summed(months, by_subject, [*by_subject], name)
        for name, (_, by_subject) in found.items()
    )


def _together(
    months: Sequence[str],
    found: Mapping[str, Mapping[str, float]],
    ordered: Sequence[str],
    names: Mapping[str, str],
) -> tuple[Series, ...]:
    own = ordered if len(ordered) <= MOST else ordered[: MOST - 1]
    series = [_summed(months, found, [code], names.get(code, code)) for code in own]
    rest = ordered[len(own) :]
    return (*series, *([_summed(months, found, rest, OTHERS)] if rest else []))


def _summed(
    months: Sequence[str],
    found: Mapping[str, Mapping[str, float]],
    codes: Sequence[str],
    name: str,
) -> Series:
    values = [sum(found[code].get(month, 0.0) for code in codes) for month in months]
    return Series(name=name, values=values)


def _by_subject(
    table: Table, column: str, *, empty: float | None = 0.0
) -> tuple[tuple[str, ...], dict[str, dict[str, float]]]:
    """Return the months, and the numbers of a column by what a row is about.

    What is not told outside (``<10``) is drawn as nothing.
    """
    place = table.columns.index(column)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    months: set[str] = set()
    for row in table.rows:
        month, subject = str(row[0]), str(row[1])
        months.add(month)
        value = _number(row[place], empty)
        if value is not None:
            found[subject][month] = value
    return tuple(sorted(months)), dict(found)


def _number(cell: Cell, empty: float | None) -> float | None:
    return float(cell) if isinstance(cell, int | float) else empty
