"""From how far away a code is read: ours beside the same card in other encodings.

Each code is drawn at the same size on the same screen and photographed by the simulated
camera ever smaller. What counts is the width of the code in camera pixels, quiet zone
included: half the width is twice the distance. All codes get the same reader, with the
same second tries; only the text in them differs.
"""

import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from bench import codes, report, size
from examples.camera import CASUAL, photograph
from verifier import scan

MAX_SHARE: Final = 0.6
"""Bar: our width in terms of that of plain text."""
FRAME: Final = (640, 480)
WIDTHS: Final = tuple(range(60, 461, 8))
"""Camera pixels."""
_CLEAR: Final = 5
NEEDED: Final = 0.9
"""Share of photographs that must be read for a width to count."""
CONDITIONS: Final[dict[str, dict[str, Any]]] = {
    "clean": {},
    "tilt 25 degrees": {"tilt": 25.0},
    "defocus 1 px": {"blur": 1.0},
    "motion 2 px": {"motion": 2.0},
    "noise 6 %": {"noise": 0.06},
    "glare": {"glare": 0.7},
    "screen grid": {"screen_grid": 0.12, "blur": 0.4},
    "dim, coarse JPEG": {"shade": 0.6, "noise": 0.03, "jpeg": 40},
    "casual, all at once": dict(CASUAL),
}


class Curve(NamedTuple):
    """How often one code is read under one condition, by its width."""

    encoding: str
    condition: str
    shares: tuple[float, ...]

    @property
    def narrowest(self) -> int | None:
        """The width from which on the code is read often enough, or None."""
        enough = [share >= NEEDED for share in self.shares]
        start = len(enough) - enough[::-1].index(False) if False in enough else 0
        return WIDTHS[start] if start < len(WIDTHS) else None


class _Task(NamedTuple):
    encoding: str
    text: str
    condition: str
    seeds: int


def run(*, is_quick: bool) -> None:
    """Measure, print, plot and save."""
    texts = size.texts(size.CASES[0])
    texts.pop(size.HC1)  # without the phone's proof it is not the same thing
    seeds = 2 if is_quick else 6
    conditions = list(CONDITIONS)[::3] if is_quick else list(CONDITIONS)
    tasks = [
        _Task(encoding, text, condition, seeds)
        for condition in conditions
        for encoding, text in texts.items()
    ]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as workers:
        curves = list(workers.map(_curve, tasks))
    _print(curves, conditions, list(texts))
    bars = [_bar(curves, condition) for condition in conditions]
    _plot(curves, conditions)
    figures = [{**curve._asdict(), "narrowest": curve.narrowest} for curve in curves]
    found = {"widths": WIDTHS, "curves": figures, "seeds": seeds, "bars": bars}
    report.save("scan", found, is_quick=is_quick)


def _curve(task: _Task) -> Curve:
    code = codes.smallest(task.text, "L")
    if code is None:
        raise ValueError(f"no QR code holds {task.encoding}")
    picture = codes.picture(code, module_pixels=8).convert("RGB")
    shares: list[float] = []
    for width in WIDTHS:
        # Once it has been read everywhere at some widths in a row, it stays so.
        is_clear = shares[-_CLEAR:] == [1.0] * _CLEAR
        shares.append(1.0 if is_clear else _share(picture, width, task))
    return Curve(task.encoding, task.condition, tuple(shares))


def _share(picture: Image.Image, width: int, task: _Task) -> float:
    read = [_is_read(picture, width, task, seed) for seed in range(task.seeds)]
    return statistics.mean(read)


def _is_read(picture: Image.Image, width: int, task: _Task, seed: int) -> bool:
    conditions = CONDITIONS[task.condition]
    photo = photograph(picture, width=width, seed=seed, frame=FRAME, **conditions)
    return task.text in scan.read_any_codes(np.asarray(photo))


def _narrowest(curves: Sequence[Curve], encoding: str, condition: str) -> int | None:
    found = (
        curve.narrowest
        for curve in curves
        if (curve.encoding, curve.condition) == (encoding, condition)
    )
    return next(found)


def _print(curves: list[Curve], conditions: list[str], encodings: list[str]) -> None:
    rows = []
    for condition in conditions:
        widths = [_narrowest(curves, each, condition) for each in encodings]
        plain = _narrowest(curves, size.PLAIN, condition)
        shares = [_times(width, plain) for width in widths]
        cells = [
            f"{width or '-'} ({share})"
            for width, share in zip(widths, shares, strict=True)
        ]
        rows.append([condition, *cells])
    report.print_table(
        "Narrowest picture that is read, camera pixels (times plain text)",
        ["", *encodings],
        rows,
    )


def _times(width: int | None, plain: int | None) -> str:
    return f"{width / plain:.2f}" if width and plain else "-"


def _bar(curves: list[Curve], condition: str) -> dict[str, object]:
    ours = _narrowest(curves, size.OURS, condition)
    plain = _narrowest(curves, size.PLAIN, condition)
    share = (ours or WIDTHS[-1]) / (plain or WIDTHS[-1])
    return report.print_bar(
        f"{condition}: at most {MAX_SHARE} of the width of plain text",
        is_met=ours is not None and share <= MAX_SHARE,
        says=f"{share:.2f}" if plain else f"{share:.2f} or less, plain is never read",
    )


def _plot(curves: list[Curve], conditions: list[str]) -> None:
    report.use_plain_style()
    columns = min(3, len(conditions))
    rows = -(-len(conditions) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(3.6 * columns, 2.3 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, condition in zip(grid.flat, conditions, strict=False):
        for curve in curves:
            if curve.condition == condition:
                is_ours = curve.encoding == size.OURS
                axes.plot(
                    WIDTHS,
                    [100 * share for share in curve.shares],
                    label=curve.encoding,
                    color=report.OURS if is_ours else None,
                    linewidth=2.2 if is_ours else 1.1,
                    alpha=1 if is_ours else 0.75,
                )
        axes.set_title(condition, loc="left")
        axes.grid(axis="y")
    grid[0][0].legend(fontsize=7, frameon=False)
    figure.supxlabel("width of the code in camera pixels", fontsize=9)
    figure.supylabel("read, %", fontsize=9)
    report.save_figure(figure, "scan")
    plt.close(figure)
