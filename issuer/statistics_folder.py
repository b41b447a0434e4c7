"""Statistics as a folder to open, show and hand on: a page, plots and sheets."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from html import escape
from pathlib import Path
from typing import Final

from issuer.intake import sheet
from issuer.publish.files import replace_file
from issuer.statistics import LEAST, Figures, Table, for_outside
from issuer.statistics_plots import Plot, plots_of

ALL: Final = "all"
"""Folder of what was counted over all economies together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    folder: str
    title: str
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...]


def write_folder(
    folder: Path, figures: Figures, *, least: int | None = LEAST
) -> tuple[Path, ...]:
    """Write a page with plots, and every table as CSV and JSON.

    Args:
        folder: Is made; files of the same names are replaced.
        figures: What was counted.
        least: What is told outside; see `for_outside`.  None writes the exact figures,
            which are for the office alone.

    Returns:
        The files, relative to the folder, sorted.

    Raises:
        OSError: The folder cannot be written.
    """
    files: dict[str, bytes] = {}
    scopes = [*_scopes(figures, least)]
    for scope in scopes:
        for name, data in _files_of(scope):
            files[f"{scope.folder}/{name}"] = data
    files["index.html"] = _page(figures, scopes, least).encode()
    for name, data in files.items():
        replace_file(folder / name, data)
    return tuple(sorted(map(Path, files)))


def _scopes(figures: Figures, least: int | None) -> Iterator[_Scope]:
    for code in (None, *figures.economies):
        tables = figures.tables(code)
        if least is not None:
            tables = tuple(for_outside(each, least=least) for each in tables)
        yield _Scope(
            folder=code or ALL,
            title=figures.names.get(code, code) if code else "All economies here",
            tables=tables,
            plots=plots_of(tables, figures.names),
        )


def _files_of(scope: _Scope) -> Iterator[tuple[str, bytes]]:
    for table in scope.tables:
        yield f"{table.name}.csv", csv_of(table)
        yield f"{table.name}.json", json_of(table).encode()
    for plot in scope.plots:
        if plot.is_empty:
            continue
        yield f"{plot.name}.svg", plot.picture("light")
        yield f"{plot.name}-dark.svg", plot.picture("dark")
        yield f"{plot.name}.png", plot.picture("light", "png")


def csv_of(table: Table) -> bytes:
    """Return a table as a sheet: a line of names, then its rows."""
    rows = (["" if cell is None else str(cell) for cell in row] for row in table.rows)
    return b"".join(sheet.export(table.columns, rows))


def json_of(table: Table) -> str:
    """Return a table as JSON: what it is about, and an object for each row."""
    rows: list[Mapping[str, object]] = [
        dict(zip(table.columns, row, strict=True)) for row in table.rows
    ]
    found = {"title": table.title, "about": table.about, "rows": rows}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
img { max-width: 100%; min-width: 34rem; height: auto; } figure { margin: 1.5rem 0; }
.scroll { overflow-x: auto; }
figcaption { max-width: 45rem; } nav ul { padding-left: 1.2rem; columns: 14rem; }
"""


def _page(figures: Figures, scopes: list[_Scope], least: int | None) -> str:
    at = figures.at.astimezone(UTC)
    rule = (
        f"Counts below {least} are told as &lt;{least}, others rounded to {least}s, and"
        f" times are told from {least} answers on."
        if least is not None
        else "<strong>These are exact figures, for the office alone.</strong>"
    )
    links = "".join(
        f'<li><a href="#{escape(each.folder)}">{escape(each.title)}</a></li>'
        for each in scopes
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>ABTC statistics, {at:%Y-%m-%d}</title><style>{_STYLE}</style></head>"
        "<body><main><h1>APEC Business Travel Card: statistics</h1>"
        f"<p>As known at {at:%Y-%m-%d %H:%M} UTC. Months are in UTC; the last one may"
        f" not be over. {rule} What is counted is what this installation knows: the"
        " cards of the economies that it works for, and the questions that they asked"
        " or answered.</p>"
        f'<nav aria-label="Economies"><ul>{links}</ul></nav>'
        f"{''.join(map(_section, scopes))}</main></body></html>\n"
    )


def _section(scope: _Scope) -> str:
    figures = "".join(
        _figure(scope.folder, plot) for plot in scope.plots if not plot.is_empty
    )
    tables = "".join(_item(f"{scope.folder}/{t.name}", t) for t in scope.tables)
    return (
        f'<section id="{escape(scope.folder)}"><h2>{escape(scope.title)}</h2>{figures}'
        f"<h3>The numbers</h3><ul>{tables}</ul></section>"
    )


def _item(path: str, table: Table) -> str:
    return (
        f'<li>{escape(table.title)}: <a href="{path}.csv">CSV</a>,'
        f' <a href="{path}.json">JSON</a>. {escape(table.about)}</li>'
    )


def _figure(folder: str, plot: Plot) -> str:
    path = f"{folder}/{plot.name}"
    return (
        f'<figure><h3>{escape(plot.title)}</h3><div class="scroll" role="region"'
        f' aria-label="{escape(plot.title)}" tabindex="0"><picture>'
        f'<source srcset="{path}-dark.svg" media="(prefers-color-scheme: dark)">'
        f'<img src="{path}.svg" alt="{escape(plot.title)}: the table'
        f' {escape(plot.table)} has the same numbers." loading="lazy"></picture></div>'
        f"<figcaption>{escape(plot.about)}"
        f' <a href="{path}.png">As PNG</a></figcaption></figure>'
    )
