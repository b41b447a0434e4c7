"""Pictures of reports, for light and for dark pages; the numbers stand beside them.

Pictures are SVG with letters as outlines: they look the same everywhere, and have no
text that a page would have to trust.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Scheme = Literal["light", "dark"]
Kind = Literal["svg", "png"]
MAX_BARS: Final = 120
"""More would not be told apart."""
_INCH: Final = 0.28
"""Height of a bar with its space."""
_WIDE: Final = 8.0
"""Inches: a page of 52 rem shows its letters at their size, about those of the page."""
_NARROW: Final = 3.75
"""Likewise a phone of 390 points."""
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
_MARKS: Final = ("o", "s", "^", "D", "v")
_TICKS: Final = 8
"""Moments that are named below a picture, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Numbers of one kind, one for each label; None where there is none."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    unit: str
    scheme: Scheme
    kind: Kind
    is_narrow: bool


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str,
    scheme: Scheme,
    is_narrow: bool = False,
) -> bytes:
    """Draw lying bars, the first label on top.

    Args:
        labels: What each row is about; at most `MAX_BARS`, the rest is left out.
        series: One is drawn plainly; several are put end to end, with a key.
        unit: What the numbers count.
        scheme: The page that it stands on.
        is_narrow: For a phone: less wide, so that letters stay as large as the page's.

    Returns:
        An SVG document; equal arguments give equal bytes.
    """
    shown = list(labels)[:MAX_BARS]
    ink, line, colours = _INKS[scheme]
    with (
        _ONE_AT_A_TIME,
        rc_context({"svg.hashsalt": "abtc", "font.size": 10, "hatch.linewidth": 0.6}),
    ):
        size = (_width(is_narrow), 1.1 + _INCH * len(shown))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, shown, series, colours)
        _dress(axes, unit, ink, line)
        if len(series) > 1:
            figure.legend(
                loc="outside upper left",
                ncols=_columns(is_narrow),
                frameon=False,
                labelcolor=ink,
            )
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return file.getvalue()


def lines(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str,
    scheme: Scheme,
    kind: Kind = "svg",
    is_narrow: bool = False,
) -> bytes:
    """Draw lines over time, the first label on the left; no value leaves a gap.

    Args:
        labels: Moments in order, such as months; at most `MAX_BARS`, the last ones.
        series: At most as many as there are colours, each with marks of its own.
        unit: What the numbers count.
        scheme: The page that it stands on.
        kind: SVG for pages, PNG for slides.
        is_narrow: As for `bars`.

    Returns:
        A picture; equal arguments give equal bytes.
    """

    def draw(axes: Axes, colours: tuple[str, ...]) -> None:
        for number, each in enumerate(_last(series)):
            axes.plot(
                range(len(each.values)),
                [float("nan") if value is None else value for value in each.values],
                label=each.name,
                color=colours[number % len(colours)],
                marker=_MARKS[number % len(_MARKS)],
                markersize=4,
                linewidth=1.6,
            )
        axes.set_ylim(bottom=0)

    look = _Look(unit=unit, scheme=scheme, kind=kind, is_narrow=is_narrow)
    return _over_time(labels, draw, look)


def areas(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str,
    scheme: Scheme,
    kind: Kind = "svg",
    is_narrow: bool = False,
) -> bytes:
    """Draw areas over time, one on the other; the arguments are those of `lines`."""

    def draw(axes: Axes, colours: tuple[str, ...]) -> None:
        shown = _last(series)
        drawn = axes.stackplot(
            range(len(labels[-MAX_BARS:])),
            [[value or 0.0 for value in each.values] for each in shown],
            labels=[each.name for each in shown],
            colors=[colours[number % len(colours)] for number in range(len(shown))],
        )
        for number, area in enumerate(drawn):
            area.set_hatch(_HATCHES[number % len(_HATCHES)] if len(shown) > 1 else "")

    look = _Look(unit=unit, scheme=scheme, kind=kind, is_narrow=is_narrow)
    return _over_time(labels, draw, look)


def _width(is_narrow: bool) -> float:
    return _NARROW if is_narrow else _WIDE


def _columns(is_narrow: bool) -> int:
    return 1 if is_narrow else 3


def _last(series: Sequence[Series]) -> list[Series]:
    return [Series(name=s.name, values=[*s.values][-MAX_BARS:]) for s in series]


def _over_time(
    labels: Sequence[str],
    draw: Callable[[Axes, tuple[str, ...]], None],
    look: _Look,
) -> bytes:
    shown = list(labels)[-MAX_BARS:]
    ink, line, colours = _INKS[look.scheme]
    with (
        _ONE_AT_A_TIME,
        rc_context({"svg.hashsalt": "abtc", "font.size": 10, "hatch.linewidth": 0.6}),
    ):
        figure = Figure(figsize=(_width(look.is_narrow), 4), layout="constrained")
        axes = figure.add_subplot()
        draw(axes, colours)
        step = max(1, -(-len(shown) // (_TICKS // 2 if look.is_narrow else _TICKS)))
        places = list(range(len(shown) - 1, -1, -step))[::-1]
        axes.set_xticks(places, [shown[place] for place in places])
        axes.set_ylabel(look.unit, color=ink)
        axes.tick_params(colors=ink, length=0)
        axes.grid(axis="y", color=line, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
        for side in axes.spines.values():
            side.set_visible(False)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            figure.legend(
                loc="outside upper left",
                ncols=_columns(look.is_narrow),
                frameon=False,
                labelcolor=ink,
            )
        file = io.BytesIO()
        is_svg = look.kind == "svg"
        plain = {"Date": None} if is_svg else {"Software": None}
        figure.savefig(
            file, format=look.kind, transparent=is_svg, dpi=144, metadata=plain
        )
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
