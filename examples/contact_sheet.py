"""All photographs of the demonstration on one page, each with its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_COLUMNS: Final = 6
_THUMB: Final = (340, 255)
_TILE: Final = (364, 366)
_MARGIN: Final = 28
_PAPER, _INK, _SOFT = "#f4f4f1", "#1d2226", "#5c656c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One photograph and what the device said."""

    photo: Image.Image
    number: int
    title: str
    word: str
    detail: str
    colour: str


def contact_sheet(title: str, tiles: Sequence[Tile]) -> Image.Image:
    """Return one picture with every tile, six in a row."""
    rows = -(-len(tiles) // _COLUMNS)
    size = (2 * _MARGIN + _COLUMNS * _TILE[0], 110 + _MARGIN + rows * _TILE[1])
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN + 12, 36), title, _INK, _font(34))
    for place, tile in enumerate(tiles):
        row, column = divmod(place, _COLUMNS)
        corner = (_MARGIN + column * _TILE[0] + 12, 110 + row * _TILE[1])
        _draw_tile(sheet, draw, tile, corner)
    return sheet


def _draw_tile(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int]
) -> None:
    left, top = corner
    sheet.paste(tile.photo.resize(_THUMB, Image.Resampling.LANCZOS), corner)
    below = top + _THUMB[1]
    draw.rectangle((left, below, left + _THUMB[0] - 1, below + 30), tile.colour)
    draw.text((left + 10, below + 6), tile.word, "white", _font(17))
    heading = f"{tile.number}  {tile.title}"
    draw.text((left, below + 38), heading, _INK, _fitting(draw, heading, 17))
    draw.text((left, below + 62), tile.detail, _SOFT, _fitting(draw, tile.detail, 15))


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, size: int
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the largest font, from ``size`` down, in which a line is no wider."""
    while size > 9 and draw.textlength(text, _font(size)) > _THUMB[0]:
        size -= 1
    return _font(size)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
