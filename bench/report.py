"""Tables for the terminal, one JSON file, and the look of the plots."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from cryptography.hazmat.backends.openssl import backend
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROOT: Final = Path(__file__).parents[1]
OUTPUT: Final = ROOT / "build" / "bench"
OURS, PEER, FLOOR = "#0b6e4f", "#8a94a6", "#c9ced6"
"""Colours of this project, of what one would pick instead, and of the bare minimum."""
_RESULTS: Final = OUTPUT / "results.json"


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Print a table; the first column is text, the others stand to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    print(f"\n{title}\n")
    for row in (header, ["-" * width for width in widths], *rows):
        first, *others = zip(row, widths, strict=True)
        cells = [f"{first[0]:<{first[1]}}"]
        cells += [f"{text:>{width}}" for text, width in others]
        print("  " + "  ".join(cells).rstrip())
    print()


def print_bar(name: str, *, is_met: bool, says: str) -> dict[str, object]:
    """Print whether a bar is met, and return the same for the results."""
    print(f"  {'pass' if is_met else 'MISSED':<7} {name}: {says}")
    return {"bar": name, "met": is_met, "measured": says}


def save(section: str, figures: dict[str, Any], *, is_quick: bool) -> None:
    """Put one section into the results, beside those of earlier runs."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    known = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    known[section] = {"quick": is_quick, "on": _machine(), **figures}
    _RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def save_figure(figure: Figure, name: str) -> None:
    """Write a plot as ``build/bench/<name>.png``."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{name}.png"
    figure.savefig(path, dpi=150, facecolor="white")
    print(f"\n  plot: {path.relative_to(ROOT)}")


def use_plain_style() -> None:
    """Set what all plots have in common."""
    mpl.use("Agg")
    mpl.rcParams.update(
        {
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#8a94a6",
            "grid.color": "#e6e9ee",
            "axes.axisbelow": True,
        }
    )


def name_bars(axes: Axes, names: Sequence[str]) -> None:
    """Label horizontal bars, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)


def _machine() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "openssl": backend.openssl_version_text(),
    }
