"""What the camera of a console sees: films of phones, for a browser to play as camera.

Chromium opens the file anew whenever a page opens the camera, plays 30 pictures a
second, and begins again at its end.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from examples.camera import Conditions, photograph
from issuer.plastic import qr_image

FRAME: Final = (1280, 720)
RATE: Final = 30
"""Pictures a second."""
_SCREEN: Final = (720, 1280)
"""Of the phone."""
STEADY: Final[Conditions] = {
    "tilt": 4.0, "turn": 3.0, "blur": 0.5, "motion": 0.0, "noise": 0.01, "glare": 0.0,
    "screen_grid": 0.0, "shade": 0.1, "jpeg": None, "background": "desk",
}  # fmt: skip
"""Somebody holds the phone out, in good light."""


def phone(*codes: str) -> Image.Image:
    """The screen of a phone with these codes below each other; blank with none."""
    screen = Image.new("RGB", _SCREEN, "white")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, _SCREEN[0], 90), fill="#dde5eb")
    side = min(_SCREEN[0] - 40, (_SCREEN[1] - 160) // max(1, len(codes)))
    for place, text in enumerate(codes):
        drawn = qr_image(text, module_pixels=8).convert("RGB")
        drawn = drawn.resize((side, side), Image.Resampling.LANCZOS)
        screen.paste(drawn, ((_SCREEN[0] - side) // 2, 130 + place * (side + 10)))
    return screen


def pictures(
    screen: Image.Image,
    *,
    width: int,
    seed: int,
    conditions: Conditions = STEADY,
    count: int = 1,
) -> list[bytes]:
    """Photograph a phone; ``width`` is how many camera pixels it is wide."""
    taken = []
    for number in range(count):
        photo = photograph(
            screen, width=width, seed=seed + number, frame=FRAME, aim=(0.5, 0.5),
            phone=True, **conditions,
        )  # fmt: skip
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=80)
        taken.append(file.getvalue())
    return taken


def nothing() -> bytes:
    """An empty counter, in a grey that the code's paper never has."""
    file = io.BytesIO()
    Image.new("RGB", FRAME, "#40362c").save(file, "JPEG", quality=80)
    return file.getvalue()


def write(path: Path, parts: Sequence[tuple[Sequence[bytes], float]]) -> None:
    """Write a film: each part shows its pictures in turn, for so many seconds."""
    film = bytearray()
    for shown, seconds in parts:
        for number in range(round(seconds * RATE)):
            film += shown[number % len(shown)]
    path.write_bytes(film)
