"""Pictures of reports, for light and for dark pages; the numbers stand beside them.

Pictures are SVG with letters as outlines: they look the same everywhere, and have no
text that a page would have to trust.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Scheme = Literal["light", "dark"]
MAX_BARS: Final = 120
"""More would not be told apart."""
_INCH: Final = 0.28
"""Height of a bar with its space."""
_ONE_AT_A_TIME: Final = Lock()
"""The library keeps its settings in one place for all threads."""
_INKS: Final[dict[Scheme, tuple[str, str, tuple[str, ...]]]] = {
    "light": (
        "#1b2127",
        "#cfd6dc",
        ("#1d4f73", "#c26a00", "#1b7a4b", "#8a3a86", "#555555"),
    ),
    "dark": (
        "#e6eaee",
        "#4a555f",
        ("#8cc1e8", "#f0b45c", "#86d19d", "#dba3d8", "#bbbbbb"),
    ),
}
"""Ink, lines, and colours of series that differ in brightness as well."""
_HATCHES: Final = ("", "////", "....", "xxxx", "----")
"""Colour alone tells nothing apart in print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Numbers of one kind, one for each label; None where there is none."""

    name: str
    values: Sequence[float | None]


def bars(
    labels: Sequence[str], series: Sequence[Series], *, unit: str, scheme: Scheme
) -> bytes:
    """Draw lying bars, the first label on top.

    Args:
        labels: What each row is about; at most `MAX_BARS`, the rest is left out.
        series: One is drawn plainly; several are put end to end, with a key.
        unit: What the numbers count.
        scheme: The page that it stands on.

    Returns:
        An SVG document; equal arguments give equal bytes.
    """
    shown = list(labels)[:MAX_BARS]
    ink, line, colours = _INKS[scheme]
    with (
        _ONE_AT_A_TIME,
        rc_context({"svg.hashsalt": "abtc", "font.size": 10, "hatch.linewidth": 0.6}),
    ):
        figure = Figure(figsize=(8, 1.1 + _INCH * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, shown, series, colours)
        _dress(axes, unit, ink, line)
        if len(series) > 1:
            figure.legend(
                loc="outside upper left", ncols=3, frameon=False, labelcolor=ink
            )
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return file.getvalue()


def _draw(
    axes: Axes, labels: list[str], series: Sequence[Series], colours: tuple[str, ...]
) -> None:
    places = list(range(len(labels)))
    starts = [0.0] * len(labels)
    for number, each in enumerate(series):
        values = [value or 0.0 for value in each.values][: len(labels)]
        axes.barh(
            places,
            values,
            left=starts,
            height=0.68,
            label=each.name,
            color=colours[number % len(colours)],
            hatch=_HATCHES[number % len(_HATCHES)] if len(series) > 1 else "",
        )
        starts = [start + value for start, value in zip(starts, values, strict=True)]
    axes.set_yticks(places, labels)
    axes.invert_yaxis()


def _dress(axes: Axes, unit: str, ink: str, line: str) -> None:
    axes.set_xlabel(unit, color=ink)
    axes.tick_params(colors=ink, length=0)
    axes.grid(axis="x", color=line, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.margins(y=0.02)
    for side in axes.spines.values():
        side.set_visible(False)
