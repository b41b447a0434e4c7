"""Reads machine-readable lines off a picture, letter by letter, by their shapes.

General programs for text are not made for this font: they read ``<`` as ``K``.  This
one finds lines and letters by their ink, wherever they are, and compares each with
the shapes of all letters there can be.
"""

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"
_CELL = (32, 40)
_EM = 40
_ADVANCE = 0.723 * _EM

Grey = NDArray[np.float64]


def read_lines(picture: Image.Image) -> list[str]:
    """Return the lines of ``picture``, which shows nothing else, dark on white."""
    ink = 1 - np.asarray(picture.convert("L"), dtype=np.float64) / 255
    lines = _runs(ink.max(axis=1) > 0.5)
    return [_read_line(ink[top:bottom]) for top, bottom in lines]


def _read_line(ink: Grey) -> str:
    columns = _runs(ink.max(axis=0) > 0.5)
    middles = [(left + right) / 2 for left, right in columns]
    scale = _ADVANCE / float(np.median(np.diff(middles)))
    return "".join(_read_letter(ink[:, left:right], scale) for left, right in columns)


def _read_letter(ink: Grey, scale: float) -> str:
    seen = _normal(ink, scale)
    distances = {name: float(np.abs(seen - it).sum()) for name, it in _shapes().items()}
    return min(distances, key=distances.__getitem__)


def _normal(ink: Grey, scale: float) -> Grey:
    """Scale as the letters are apart: ``O`` and ``0`` differ in size above all."""
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    ink = ink[rows[0] : rows[-1] + 1]
    size = (round(ink.shape[1] * scale), round(ink.shape[0] * scale))
    small = Image.fromarray((ink * 255).astype(np.uint8)).resize(size)
    cell = Image.new("L", _CELL)
    cell.paste(small, ((_CELL[0] - size[0]) // 2, _CELL[1] - size[1]))
    return np.asarray(cell, dtype=np.float64) / 255


@cache
def _shapes() -> dict[str, Grey]:
    file = resources.files("issuer.plastic") / "fonts" / "OCRB.otf"
    with resources.as_file(file) as path:
        font = ImageFont.truetype(path, 4 * _EM)
    return {letter: _shape(font, letter) for letter in LETTERS}


def _shape(font: ImageFont.FreeTypeFont, letter: str) -> Grey:
    sheet = Image.new("L", (6 * _EM, 6 * _EM))
    draw = ImageDraw.Draw(sheet)
    draw.text((_EM, 5 * _EM), letter, fill=255, font=font, anchor="ls")
    ink = np.asarray(sheet, dtype=np.float64) / 255
    ((left, right),) = _runs(ink.max(axis=0) > 0.5)
    return _normal(ink[:, left:right], 1 / 4)


def _runs(is_dark: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_dark.astype(int), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
