"""Pictures in the making: shapes with smooth edges, letters of the shipped fonts."""

import io
import math
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Final

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
Box = tuple[int, int, int, int]
"""Left, top, right and bottom edge, in pixels."""
Font = ImageFont.FreeTypeFont

FONTS: Final = ("NotoSans-Regular", "NotoSans-Bold", "OCRB")
"""What comes with the package, under its own licences; see ``fonts``."""

_NOWHERE: Final = "\U0010ffff"
"""Never a letter, so that a font draws what it draws for letters that it lacks."""


@cache
def font(name: str, size: float) -> Font:
    """Return one of `FONTS` at a size in pixels.

    Letters are set one after another, the same on every machine.
    """
    suffix = "otf" if name == "OCRB" else "ttf"
    file = resources.files("issuer.plastic") / "fonts" / f"{name}.{suffix}"
    data = io.BytesIO(file.read_bytes())
    return ImageFont.truetype(data, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _shape_of(name: str, letter: str) -> bytes:
    return bytes(font(name, 48).getmask(letter))


def find_unprintable(name: str, text: str) -> str | None:
    """Return the first letter that a font lacks or that needs more than its shape.

    The latter are marks that combine with their neighbour; a space is always printable.
    None of `FONTS` has letters that join or run from right to left.
    """
    for letter in text:
        if letter == " ":
            continue
        joins = unicodedata.combining(letter) or unicodedata.category(letter) == "Mn"
        missing = _shape_of(name, letter) == _shape_of(name, _NOWHERE)
        if joins or missing or not letter.isprintable():
            return letter
    return None


class Sheet:
    """A picture in the making, in pixels."""

    SMOOTH = 3
    """Shapes are drawn this many times larger, then shrunk: Pillow has hard edges."""

    def __init__(self, size: tuple[int, int], ground: str) -> None:
        self.image = Image.new("RGB", size, ground)

    def text(
        self, at: Point, text: str, *, font: Font, ink: str, anchor: str = "ls"
    ) -> None:
        """Write one line; ``anchor`` as Pillow spells it."""
        ImageDraw.Draw(self.image).text(at, text, fill=ink, font=font, anchor=anchor)

    def shape(
        self, box: Box, ink: str, draw: Callable[[ImageDraw.ImageDraw, int], None]
    ) -> None:
        """Let ``draw`` fill a mask of the size of ``box``, given its scale."""
        size = (box[2] - box[0], box[3] - box[1])
        mask = Image.new("L", (size[0] * self.SMOOTH, size[1] * self.SMOOTH), 0)
        draw(ImageDraw.Draw(mask), self.SMOOTH)
        shrunk = mask.resize(size, Image.Resampling.BOX)
        self.image.paste(Image.new("RGB", size, ink), box[:2], shrunk)

    def panel(self, box: Box, ink: str, *, radius: int) -> None:
        """Fill a rectangle with round corners."""

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            edge = (
                (box[2] - box[0]) * scale - 1,
                (box[3] - box[1]) * scale - 1,
            )
            mask.rounded_rectangle(((0, 0), edge), radius * scale, fill=255)

        self.shape(box, ink, draw)

    def disc(self, box: Box, ink: str) -> None:
        """Fill a circle or an ellipse."""

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            edge = ((box[2] - box[0]) * scale, (box[3] - box[1]) * scale)
            mask.ellipse(((0, 0), edge), fill=255)

        self.shape(box, ink, draw)

    def arc(self, box: Box, ink: str, *, share: float, width: int) -> None:
        """Draw this share of a ring, clockwise from the top."""

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            edge = ((box[2] - box[0]) * scale - 1, (box[3] - box[1]) * scale - 1)
            end = 360 * share - 90
            mask.arc(((0, 0), edge), -90, end, fill=255, width=width * scale)

        self.shape(box, ink, draw)

    def rule(self, box: Box, ink: str) -> None:
        """Fill a rectangle, such as a thin line."""
        self.image.paste(ink, box)

    def waves(self, box: Box, ink: str) -> None:
        """Draw fine crossing lines, which are decoration and protect nothing."""
        width, height = box[2] - box[0], box[3] - box[1]

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            for line in range(-4, height // 22 + 4):
                for turn in (0.0, math.pi):
                    points = [
                        (x * scale, (line * 22 + _wave(x, line, turn)) * scale)
                        for x in range(0, width + 12, 12)
                    ]
                    mask.line(points, fill=255, width=scale + 1, joint="curve")

        self.shape(box, ink, draw)


def _wave(x: int, line: int, turn: float) -> float:
    swell = 30 + 26 * math.sin(x / 340 + line / 9)
    return swell * math.sin(x / 118 + turn + line / 14)
