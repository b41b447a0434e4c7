"""Drawn portraits and signatures: silhouettes and scrawls of nobody."""

import io
import math
import random  # noqa: TID251  # reproducible fiction; nothing secret comes from it
from functools import cache
from typing import Final

from PIL import Image, ImageDraw

from issuer.plastic import prepare_portrait, prepare_signature

DIFFERENT: Final = 24
"""How many of each are drawn; travellers share them."""
_PORTRAIT: Final = (420, 540)
_SIGNATURE: Final = (600, 200)
_SKIN: Final = ("#8d5a3c", "#a8714b", "#c68d63", "#dca97f", "#e9c3a0", "#f0d2b6")
_HAIR: Final = ("#1d1a19", "#2f2521", "#4a3424", "#6b4a2f", "#8c8782", "#c9c4bd")
_CLOTH: Final = ("#22313f", "#3b4a57", "#5a2a33", "#2d4a3a", "#59503f", "#444054")


@cache
def portrait(number: int) -> bytes:
    """Draw a portrait as it is stored: a PNG file.

    Args:
        number: The same one gives the same picture; `DIFFERENT` of them differ.
    """
    dice = _dice(number)
    picture = Image.new("RGB", _PORTRAIT, dice.choice(("#dfe4e8", "#e8e6df")))
    draw = ImageDraw.Draw(picture)
    width, height = _PORTRAIT
    middle, eyes = width // 2 + dice.randint(-8, 8), height * 2 // 5
    face = dice.randint(78, 96), dice.randint(108, 128)
    hair, skin = dice.choice(_HAIR), dice.choice(_SKIN)
    if dice.random() < 0.5:  # hair to the shoulders
        _ellipse(draw, (middle, eyes + 50), (face[0] + 34, face[1] + 70), hair)
    _ellipse(draw, (middle, height + 30), (190, 190), dice.choice(_CLOTH))
    draw.rectangle((middle - 34, eyes + 60, middle + 34, height - 140), fill=skin)
    _ellipse(draw, (middle, eyes - 26), (face[0] + 14, face[1] - 6), hair)
    _ellipse(draw, (middle, eyes + 16), face, skin)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return prepare_portrait(out.getvalue())


def _ellipse(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], radii: tuple[int, int], fill: str
) -> None:
    (x, y), (across, down) = at, radii
    draw.ellipse((x - across, y - down, x + across, y + down), fill=fill)


@cache
def signature(number: int) -> bytes:
    """Draw a signature as it is uploaded, dark on light: a PNG file.

    Args:
        number: As for `portrait`.
    """
    dice = _dice(number)
    picture = Image.new("L", _SIGNATURE, 255)
    draw = ImageDraw.Draw(picture)
    waves = [(dice.uniform(0.5, 6), dice.uniform(8, 34), dice.random()) for _ in "123"]
    points = [
        (40 + 5 * step, 100 + sum(_wave(step / 100, *wave) for wave in waves))
        for step in range(105)
    ]
    draw.line(points, fill=20, width=5, joint="curve")
    draw.line([(60, 170), (540, 150 + dice.randint(0, 30))], fill=20, width=4)
    out = io.BytesIO()
    picture.save(out, "PNG")
    prepare_signature(out.getvalue())  # raises if it could not be printed
    return out.getvalue()


def _wave(place: float, often: float, high: float, shift: float) -> float:
    return high * math.sin(2 * math.pi * (often * place + shift))


def _dice(number: int) -> random.Random:
    return random.Random(f"picture:{number % DIFFERENT}")  # noqa: S311  # fiction
